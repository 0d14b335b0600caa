import { BadFrameError } from '../market/bad-frame-error.ts';
import { ByteWriter } from '../market/byte-writer.ts';
import { reasonIndex, type RejectedTick } from '../market/tick-check.ts';
import { REJECT_REASONS } from '../market/tick.ts';

/**
 * Payload of one entry of the Redis stream, its field `d`, also published on the live channel: a run of consecutive
 * frames of one feed.
 *
 * Layout (varint = unsigned LEB128, text = varint length + UTF-8):
 *
 *     1 byte   format version, 2
 *     1 byte   flags: 1 = live (delivered to dashboards)
 *     text     feed
 *     text     writer: the instance that sent the frames
 *     varint   prev: the seq before the first frame
 *     varint   acceptedAt: milliseconds since the epoch, the gateway's clock
 *     varint   number of frames, then for each:
 *       varint   8 × ticks, + 1 for a skip (which has no ticks), + 2 where ticks were rejected, + 4 where seqs were
 *                left out: most frames have none of these, and pay nothing for them
 *       varint   (+ 4) seq − prev; else it is 1
 *       varint   bytes of its rows
 *       varint   (+ 2) number of rejected ticks, then for each: varint index, 1 byte reason, varint length, raw bytes
 *     bytes    the rows of all frames, each a msgpack array (see `CheckedTicks.rows`)
 */
export interface EntryFrame {
  readonly seq: number;
  readonly prev: number;
  /** A declared gap (`skip`): prev and seq bound the frames that the feed cannot supply. */
  readonly skip: boolean;
  readonly count: number;
  readonly rows: Buffer;
  readonly rejected: readonly RejectedTick[];
}

export interface StreamEntry {
  readonly feed: string;
  readonly writer: string;
  readonly live: boolean;
  readonly acceptedAtMs: number;
  readonly frames: readonly EntryFrame[];
}

const FORMAT_VERSION = 2;
const FLAG_LIVE = 1;
const KIND_SKIP = 1;
const KIND_REJECTED = 2;
const KIND_STEP = 4;
/** The ticks are counted above these bits; not by shifting, since a count read from bytes may have more than 32. */
const KINDS = 8;
const NO_ROWS = Buffer.alloc(0);
const NOTHING_REJECTED: readonly RejectedTick[] = [];

const writer = new ByteWriter();

/** The entry as bytes of its own; see {@link writeStreamEntry}. */
export function encodeStreamEntry(entry: StreamEntry): Buffer {
  writeStreamEntry(writer, entry);
  return writer.copy();
}

/** @param entry frames must be consecutive: each `prev` the `seq` before it. */
export function writeStreamEntry(out: ByteWriter, entry: StreamEntry): void {
  out.reset();
  out.byte(FORMAT_VERSION);
  out.byte(entry.live ? FLAG_LIVE : 0);
  out.text(entry.feed);
  out.text(entry.writer);
  out.varint(entry.frames[0]?.prev ?? 0);
  out.varint(entry.acceptedAtMs);
  out.varint(entry.frames.length);
  for (const frame of entry.frames) {
    const step = frame.seq - frame.prev;
    const kind =
      (frame.skip ? KIND_SKIP : 0) | (frame.rejected.length > 0 ? KIND_REJECTED : 0) | (step === 1 ? 0 : KIND_STEP);
    out.varint(frame.count * KINDS + kind);
    if (step !== 1) out.varint(step);
    out.varint(frame.rows.length);
    if (frame.rejected.length === 0) continue;
    out.varint(frame.rejected.length);
    for (const tick of frame.rejected) {
      out.varint(tick.index);
      out.byte(reasonIndex(tick.reason));
      out.varint(tick.raw.length);
      out.raw(tick.raw);
    }
  }
  for (const frame of entry.frames) out.raw(frame.rows);
}

/**
 * The rows of the result are views of `bytes`.
 * @throws {BadFrameError} for bytes that are not an entry of this format.
 */
export function decodeStreamEntry(bytes: Buffer): StreamEntry {
  const input = new EntryReader(bytes);
  const version = input.byte();
  if (version !== FORMAT_VERSION) throw new BadFrameError(`stream entry of format ${version}`);
  const live = (input.byte() & FLAG_LIVE) !== 0;
  const feed = input.text();
  const writerName = input.text();
  let prev = input.varint();
  const acceptedAtMs = input.varint();
  const headers: Array<Omit<EntryFrame, 'rows'> & { bytes: number }> = [];
  const frameCount = input.varint();
  for (let i = 0; i < frameCount; i++) {
    const countAndKind = input.varint();
    const kind = countAndKind % KINDS;
    const seq = prev + ((kind & KIND_STEP) === 0 ? 1 : input.varint());
    const rowBytes = input.varint();
    const rejected = (kind & KIND_REJECTED) === 0 ? NOTHING_REJECTED : readRejected(input);
    headers.push({
      seq,
      prev,
      skip: (kind & KIND_SKIP) !== 0,
      count: Math.floor(countAndKind / KINDS),
      bytes: rowBytes,
      rejected,
    });
    prev = seq;
  }
  const frames = headers.map(({ bytes: rowBytes, ...header }) => ({ ...header, rows: input.slice(rowBytes) }));
  return { feed, writer: writerName, live, acceptedAtMs, frames };
}

function readRejected(input: EntryReader): RejectedTick[] {
  const rejected: RejectedTick[] = [];
  const count = input.varint();
  for (let i = 0; i < count; i++) {
    const index = input.varint();
    const reason = REJECT_REASONS[input.byte()];
    if (reason === undefined) throw new BadFrameError('stream entry with an unknown reason');
    rejected.push({ index, reason, raw: input.slice(input.varint()) });
  }
  return rejected;
}

/** A `skip` as a frame: no ticks, only the bounds of the gap. */
export function skipFrame(to: number, next: number): EntryFrame {
  return { prev: to, seq: next, skip: true, count: 0, rows: NO_ROWS, rejected: [] };
}

class EntryReader {
  readonly #bytes: Buffer;
  #pos = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  byte(): number {
    const byte = this.#bytes[this.#pos++];
    if (byte === undefined) throw new BadFrameError('stream entry ends too early');
    return byte;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
  }

  text(): string {
    return this.slice(this.varint()).toString('utf8');
  }

  slice(length: number): Buffer {
    const start = this.#pos;
    if (start + length > this.#bytes.length) throw new BadFrameError('stream entry ends too early');
    this.#pos = start + length;
    return this.#bytes.subarray(start, start + length);
  }
}
