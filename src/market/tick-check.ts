import { BadFrameError } from './bad-frame-error.ts';
import { ByteWriter } from './byte-writer.ts';
import type { MsgpackReader } from './msgpack-reader.ts';
import { plainRowEnd } from './plain-row.ts';
import {
  checkPrice,
  checkTime,
  checkVolume,
  DAY_MICROS,
  isSymbol,
  MAX_FUTURE_MICROS,
  MAX_PRICE,
  MAX_SYMBOL_LENGTH,
  MAX_VOLUME,
  MIN_TIME_MICROS,
  parseIsoMicros,
  REJECT_REASONS,
  type RejectReason,
  SYMBOL_BYTES,
} from './tick.ts';

/** A tick of a frame that is not stored among the ticks. */
export interface RejectedTick {
  /** Index in the frame as the feed sent it, from 0. */
  readonly index: number;
  readonly reason: RejectReason;
  /** The row as it came: msgpack bytes, or JSON text. */
  readonly raw: Buffer;
}

/** A frame's ticks after the check, as they go into the buffer. */
export interface CheckedTicks {
  /**
   * Canonical rows: a msgpack array of `[symbol, price, volume, timeMicros]`, every one valid, time always an integer.
   * A view of the message where nothing had to change, so it lives only as long as the message's buffer.
   */
  readonly rows: Buffer;
  /** Number of those rows. */
  readonly count: number;
  readonly rejected: readonly RejectedTick[];
}

export interface TickCheckOptions {
  /** The gateway's clock, for absent times and for the future bound. */
  readonly nowMicros: number;
  readonly maxTicks: number;
  /** Days the ticks of a frame may span, counted from its first valid tick. */
  readonly maxDays: number;
}

/** The frame holds more ticks than the gateway takes: code 422. */
export class FrameTooLargeError extends Error {
  override readonly name = 'FrameTooLargeError';
}

/** One row during its check; reused, so that a good frame allocates nothing per tick. */
class RowUnderCheck {
  symbolStart = 0;
  symbolEnd = 0;
  price = 0;
  volume = 0;
  timeMicros = 0;
  /** False when the row must be written anew to be canonical. */
  canonical = true;
  reason: RejectReason | undefined;
}

/**
 * Checks the ticks of frames. Holds scratch space, so one instance serves one thread of frames; it keeps nothing of a
 * frame afterwards.
 */
export class TickChecker {
  readonly #row = new RowUnderCheck();
  readonly #rewritten = new ByteWriter();

  /**
   * Reads a msgpack array of rows at the reader's position and leaves the reader behind it.
   * @throws {BadFrameError} where the structure is wrong; a tick with a wrong value is in `rejected` instead
   * @throws {FrameTooLargeError}
   */
  checkMsgpack(reader: MsgpackReader, options: TickCheckOptions): CheckedTicks {
    const start = reader.pos;
    const total = reader.arrayHeader();
    if (total > options.maxTicks) throw new FrameTooLargeError(`a frame may hold ${options.maxTicks} ticks`);
    let rejected: RejectedTick[] | undefined;
    let allCanonical = true;
    let firstDay: number | undefined;
    // Until the first valid row tells the frame's days, no time is within them.
    let [earliestMicros, latestMicros] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    const { bytes, view } = reader;
    for (let index = 0; index < total; index++) {
      const rowStart = reader.pos;
      const plainEnd = plainRowEnd(bytes, view, rowStart, earliestMicros, latestMicros);
      if (plainEnd > 0) {
        reader.pos = plainEnd;
        continue;
      }
      this.#readRow(reader, options);
      if (firstDay === undefined) {
        firstDay = this.#checkSpread(firstDay, options.maxDays);
        if (firstDay !== undefined) {
          earliestMicros = Math.max(MIN_TIME_MICROS, (firstDay - options.maxDays + 1) * DAY_MICROS);
          latestMicros = Math.min(options.nowMicros + MAX_FUTURE_MICROS, (firstDay + options.maxDays) * DAY_MICROS - 1);
        }
      } else this.#checkSpread(firstDay, options.maxDays);
      if (this.#row.reason !== undefined) {
        (rejected ??= []).push({ index, reason: this.#row.reason, raw: reader.bytes.subarray(rowStart, reader.pos) });
      } else if (!this.#row.canonical) allCanonical = false;
    }
    if (rejected === undefined && allCanonical) {
      return { rows: reader.bytes.subarray(start, reader.pos), count: total, rejected: [] };
    }
    const end = reader.pos;
    const rows = this.#rewrite(reader, start, options, new Set(rejected?.map((tick) => tick.index)));
    reader.pos = end;
    return { rows, count: total - (rejected?.length ?? 0), rejected: rejected ?? [] };
  }

  /**
   * The same for rows that came as JSON.
   * @throws {BadFrameError} @throws {FrameTooLargeError}
   */
  checkJson(rows: readonly unknown[], options: TickCheckOptions): CheckedTicks {
    if (rows.length > options.maxTicks) throw new FrameTooLargeError(`a frame may hold ${options.maxTicks} ticks`);
    const rejected: RejectedTick[] = [];
    const out = this.#rewritten;
    const body = new ByteWriter(rows.length * 40 + 16);
    let firstDay: number | undefined;
    rows.forEach((row, index) => {
      if (!Array.isArray(row) || row.length < 3 || row.length > 4)
        throw new BadFrameError('a tick is not [symbol, price, volume, time]');
      if (row.some(isNested)) throw new BadFrameError('nested too deeply');
      const symbol: unknown = row[0];
      this.#checkJsonRow(row, options);
      firstDay = this.#checkSpread(firstDay, options.maxDays);
      if (this.#row.reason !== undefined || typeof symbol !== 'string') {
        rejected.push({ index, reason: this.#row.reason ?? 'symbol_invalid', raw: Buffer.from(JSON.stringify(row)) });
      } else this.#writeRow(body, Buffer.from(symbol));
    });
    out.reset();
    out.msgpackArrayHeader(rows.length - rejected.length);
    out.raw(body.copy());
    return { rows: out.copy(), count: rows.length - rejected.length, rejected };
  }

  #readRow(reader: MsgpackReader, options: TickCheckOptions): void {
    const row = this.#row;
    // The longer headers that msgpack allows are as valid, and are written anew.
    row.canonical = reader.peek() === 0x94;
    const fields = reader.arrayHeader();
    if (fields < 3 || fields > 4) throw new BadFrameError('a tick is not [symbol, price, volume, time]');
    row.reason = undefined;
    this.#readSymbol(reader);
    const price = readNumber(reader);
    if (!(price > 0 && price < MAX_PRICE)) row.reason ??= checkPrice(price) ?? 'price_invalid';
    const volume = readNumber(reader);
    if (!(volume >= 0 && volume <= MAX_VOLUME && Number.isInteger(volume))) {
      row.reason ??= checkVolume(volume) ?? 'volume_invalid';
    }
    row.price = price;
    row.volume = volume;
    row.timeMicros = fields === 4 ? this.#readTime(reader, options.nowMicros) : options.nowMicros;
    if (
      !(
        row.timeMicros >= MIN_TIME_MICROS &&
        row.timeMicros <= options.nowMicros + MAX_FUTURE_MICROS &&
        Number.isInteger(row.timeMicros)
      )
    ) {
      row.reason ??= checkTime(row.timeMicros, options.nowMicros) ?? 'time_invalid';
    }
  }

  #readSymbol(reader: MsgpackReader): void {
    const byte = reader.peek();
    if ((byte & 0xe0) === 0xa0 && byte !== 0xa0) {
      // fixstr: nearly every symbol
      const start = reader.pos + 1;
      const end = start + (byte & 0x1f);
      if (end > reader.bytes.length) throw new BadFrameError('message ends too early');
      this.#checkSymbol(reader.bytes, start, end);
      reader.pos = end;
      return;
    }
    const start = reader.pos;
    reader.skip(0);
    if (byte !== 0xd9) this.#row.canonical = false;
    const header = byte === 0xd9 ? 2 : byte === 0xda ? 3 : byte === 0xdb ? 5 : undefined;
    if (header === undefined) this.#row.reason = 'symbol_invalid';
    else this.#checkSymbol(reader.bytes, start + header, reader.pos);
  }

  #checkSymbol(bytes: Buffer, start: number, end: number): void {
    this.#row.symbolStart = start;
    this.#row.symbolEnd = end;
    if (end === start || end - start > MAX_SYMBOL_LENGTH) {
      this.#row.reason = 'symbol_invalid';
      return;
    }
    for (let at = start; at < end; at++) {
      if (SYMBOL_BYTES[bytes[at] ?? 0] !== 1) {
        this.#row.reason = 'symbol_invalid';
        return;
      }
    }
  }

  #readTime(reader: MsgpackReader, nowMicros: number): number {
    const byte = reader.peek();
    if (byte === 0xcf || byte === 0xd3 || byte === 0xcb) return reader.number();
    this.#row.canonical = false;
    if (byte === 0xc0) {
      reader.pos += 1;
      return nowMicros;
    }
    if (reader.isTimestamp()) return reader.timestampMicros();
    if ((byte & 0xe0) === 0xa0 || (byte >= 0xd9 && byte <= 0xdb)) return parseIsoMicros(reader.text());
    return readNumber(reader);
  }

  /** Refuses a tick too many days from the frame's first valid one; each day may be a chunk to lock. */
  #checkSpread(firstDay: number | undefined, maxDays: number): number | undefined {
    if (this.#row.reason !== undefined) return firstDay;
    const day = Math.floor(this.#row.timeMicros / DAY_MICROS);
    if (firstDay === undefined) return day;
    if (day - firstDay >= maxDays || firstDay - day >= maxDays) this.#row.reason = 'day_spread';
    return firstDay;
  }

  #checkJsonRow(row: readonly unknown[], options: TickCheckOptions): void {
    const [symbol, price, volume, time] = row;
    const target = this.#row;
    target.reason = typeof symbol === 'string' && isSymbol(symbol) ? undefined : 'symbol_invalid';
    target.price = typeof price === 'number' ? price : Number.NaN;
    target.volume = typeof volume === 'number' ? volume : Number.NaN;
    target.timeMicros = jsonTime(time, options.nowMicros);
    target.reason ??=
      checkPrice(target.price) ?? checkVolume(target.volume) ?? checkTime(target.timeMicros, options.nowMicros);
  }

  #rewrite(reader: MsgpackReader, start: number, options: TickCheckOptions, without: ReadonlySet<number>): Buffer {
    reader.pos = start;
    const total = reader.arrayHeader();
    const out = this.#rewritten;
    out.reset();
    out.msgpackArrayHeader(total - without.size);
    for (let index = 0; index < total; index++) {
      this.#readRow(reader, options);
      if (!without.has(index)) this.#writeRow(out, reader.bytes.subarray(this.#row.symbolStart, this.#row.symbolEnd));
    }
    return out.copy();
  }

  #writeRow(out: ByteWriter, symbol: Uint8Array): void {
    out.byte(0x94);
    out.msgpackShortString(symbol);
    out.msgpackDouble(this.#row.price);
    out.msgpackUint(this.#row.volume);
    out.msgpackUint(this.#row.timeMicros);
  }
}

/** A number, or NaN where something else (but well-formed) stands. */
function readNumber(reader: MsgpackReader): number {
  const byte = reader.peek();
  if (byte < 0x80 || byte >= 0xe0 || (byte >= 0xca && byte <= 0xd3)) return reader.number();
  reader.skip(0);
  return Number.NaN;
}

function isNested(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function jsonTime(time: unknown, nowMicros: number): number {
  if (time === undefined || time === null) return nowMicros;
  if (typeof time === 'number') return time;
  return typeof time === 'string' ? parseIsoMicros(time) : Number.NaN;
}

/** The stream format's number of a reason. */
export function reasonIndex(reason: RejectReason): number {
  return REJECT_REASONS.indexOf(reason);
}
