import { BadFrameError } from './bad-frame-error.ts';
import { decodeStreamEntry, type StreamEntry } from './stream-entry.ts';

/**
 * The message that the append script publishes on the live channel:
 * `<stream id> <published> <shown> <incarnation>\n`, then the entry as it stands in the stream.
 */
export interface LiveMessage {
  readonly id: string;
  /** Frames with seq ≤ published have been shown before. */
  readonly published: number;
  /** Number of this entry among the stream's shown ones, from 1: a number missing is an entry missed. */
  readonly shown: number;
  /** Random name of the stream; another one is another stream. */
  readonly incarnation: string;
  readonly entry: StreamEntry;
  /** The entry's bytes, as they stand in the stream. */
  readonly data: Buffer;
}

const HEADER = /^(\d+-\d+) (\d+) (\d+) ([\w-]+)$/;
const MAX_HEADER_BYTES = 160;

/** @throws {BadFrameError} for bytes that are not such a message */
export function decodeLiveMessage(bytes: Buffer): LiveMessage {
  const lineEnd = bytes.subarray(0, MAX_HEADER_BYTES).indexOf(0x0a);
  const header = HEADER.exec(bytes.toString('latin1', 0, Math.max(0, lineEnd)));
  const [, id, published, shown, incarnation] = header ?? [];
  if (id === undefined || incarnation === undefined) throw new BadFrameError('live message without a header');
  const data = bytes.subarray(lineEnd + 1);
  return {
    id,
    published: Number(published),
    shown: Number(shown),
    incarnation,
    entry: decodeStreamEntry(data),
    data,
  };
}
