import { BadFrameError } from '../market/bad-frame-error.ts';
import { decodeStreamEntry, type StreamEntry } from './stream-entry.ts';
import type { TailEntry } from './stream-tail.ts';

/**
 * The message that the append script publishes on the live channel:
 * `<id> <shownUpTo> <liveSeq> <streamId>\n`, then the entry as it stands in the stream.
 */
export interface LiveMessage extends LiveEntry {
  /** Random name of the stream; another one is another stream. */
  readonly streamId: string;
}

/** An entry whose ticks go to dashboards, not decoded: its bytes as they stand in the stream. */
export type RawLiveEntry = TailEntry;

/** An entry whose ticks go to dashboards. A live sequence number (`liveSeq`) missing is an entry missed. */
export interface LiveEntry extends RawLiveEntry {
  readonly entry: StreamEntry;
}

const HEADER = /^(\d+-\d+) (\d+) (\d+) ([\w-]+)$/;
const MAX_HEADER_BYTES = 160;

/** @throws {BadFrameError} for bytes that are not such a message */
export function decodeLiveMessage(bytes: Buffer): LiveMessage {
  const lineEnd = bytes.subarray(0, MAX_HEADER_BYTES).indexOf(0x0a);
  const header = HEADER.exec(bytes.toString('latin1', 0, Math.max(0, lineEnd)));
  const [, id, shownUpTo, liveSeq, streamId] = header ?? [];
  if (id === undefined || streamId === undefined) throw new BadFrameError('live message without a header');
  const data = bytes.subarray(lineEnd + 1);
  return {
    id,
    shownUpTo: Number(shownUpTo),
    liveSeq: Number(liveSeq),
    streamId,
    entry: decodeStreamEntry(data),
    data,
  };
}
