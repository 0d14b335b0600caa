import { TWO_32 } from '../base/two-32.ts';

/**
 * PostgreSQL's binary format of one-dimensional arrays without nulls, for parameters (`pg` sends a Buffer as binary)
 * and for what `array_send` returns: dimensions, a flag for nulls, the elements' type, length and lower bound, then
 * each element as its length and its bytes, all big-endian (src/backend/utils/adt/arrayfuncs.c, array_recv). A flush
 * of 10,000 symbols moves 110,000 values each way: as text that costs several times as much on both sides. Pure.
 */
const HEADER_BYTES = 20;
/** Bound here for speed, see two-32.ts. */
const HIGH_UNIT: number = TWO_32;
const LENGTH_BYTES = 4;
/** Of the elements whose size is fixed, all of eight bytes: length and value. */
const WIDE_ELEMENT_BYTES = LENGTH_BYTES + 8;

/** Object ids of types, the same in every database (src/include/catalog/pg_type.dat). */
const OID = { int8: 20, text: 25, float8: 701, timestamptz: 1184, numeric: 1700 } as const;

/** PostgreSQL counts microseconds from 2000-01-01. */
export const POSTGRES_EPOCH_MICROS = 946_684_800_000_000;

/** Numeric: digits to the base of 10,000, of which a 64-bit float has 77 at the most; before them four words. */
const NUMERIC_BASE = 10_000;
const NUMERIC_HEADER_BYTES = 8;
const MAX_NUMERIC_DIGITS = 78;
const DIGITS = new Uint16Array(MAX_NUMERIC_DIGITS);

export function textArray(values: readonly string[]): Buffer {
  let bytes = HEADER_BYTES;
  for (const value of values) bytes += LENGTH_BYTES + Buffer.byteLength(value);
  const out = startArray(OID.text, values.length, bytes);
  let at = HEADER_BYTES;
  for (const value of values) {
    const length = out.write(value, at + LENGTH_BYTES);
    out.writeInt32BE(length, at);
    at += LENGTH_BYTES + length;
  }
  return out;
}

/** `double precision[]`. */
export function float8Array(values: readonly number[]): Buffer {
  const { out, view } = startWideArray(OID.float8, values.length);
  let at = HEADER_BYTES + LENGTH_BYTES;
  for (const value of values) {
    view.setFloat64(at, value);
    at += WIDE_ELEMENT_BYTES;
  }
  return out;
}

/** `bigint[]` of integers. */
export function int8Array(values: readonly number[]): Buffer {
  return integers(OID.int8, values, 0);
}

/** `timestamptz[]` of microseconds since the Unix epoch. */
export function timestampArray(micros: readonly number[]): Buffer {
  return integers(OID.timestamptz, micros, POSTGRES_EPOCH_MICROS);
}

/** `numeric[]` of integers from 0 to 10^308: a number above 2^53 is the exact value of the float. */
export function numericArray(values: ReadonlyArray<number | bigint>): Buffer {
  const room = LENGTH_BYTES + NUMERIC_HEADER_BYTES + 2 * MAX_NUMERIC_DIGITS;
  const out = startArray(OID.numeric, values.length, HEADER_BYTES + values.length * room);
  let at = HEADER_BYTES;
  for (const value of values) at = writeNumeric(out, value, at);
  return out.subarray(0, at);
}

/** Values of an array of float8. */
export function readFloat8Array(bytes: Buffer): number[] {
  return readWideArray(bytes, (view, at) => view.getFloat64(at));
}

/** Values of an array of int8; rounded above 2^53. */
export function readInt8Array(bytes: Buffer): number[] {
  return readWideArray(bytes, (view, at) => view.getInt32(at) * HIGH_UNIT + view.getUint32(at + 4));
}

/** Microseconds since the Unix epoch of an array of timestamptz. */
export function readTimestampArray(bytes: Buffer): number[] {
  return readWideArray(
    bytes,
    (view, at) => view.getInt32(at) * HIGH_UNIT + view.getUint32(at + 4) + POSTGRES_EPOCH_MICROS,
  );
}

function startArray(elementType: number, length: number, bytes: number): Buffer {
  const out = Buffer.allocUnsafe(bytes);
  out.writeInt32BE(1, 0);
  out.writeInt32BE(0, 4);
  out.writeInt32BE(elementType, 8);
  out.writeInt32BE(length, 12);
  out.writeInt32BE(1, 16);
  return out;
}

function startWideArray(elementType: number, length: number): { readonly out: Buffer; readonly view: DataView } {
  const out = startArray(elementType, length, HEADER_BYTES + length * WIDE_ELEMENT_BYTES);
  const view = new DataView(out.buffer, out.byteOffset, out.length);
  for (let at = HEADER_BYTES; at < out.length; at += WIDE_ELEMENT_BYTES) view.setInt32(at, 8);
  return { out, view };
}

function integers(elementType: number, values: readonly number[], origin: number): Buffer {
  const { out, view } = startWideArray(elementType, values.length);
  let at = HEADER_BYTES + LENGTH_BYTES;
  for (const value of values) {
    const high = Math.floor((value - origin) / HIGH_UNIT);
    view.setInt32(at, high);
    view.setUint32(at + 4, value - origin - high * HIGH_UNIT);
    at += WIDE_ELEMENT_BYTES;
  }
  return out;
}

/**
 * Count of digits, weight of the first, sign, digits behind the point (dscale), the digits (numeric.c, numeric_recv).
 * @returns where the next element begins
 */
function writeNumeric(out: Buffer, value: number | bigint, at: number): number {
  const digits = splitDigits(value);
  let to = out.writeInt32BE(NUMERIC_HEADER_BYTES + 2 * digits, at);
  to = out.writeUInt16BE(digits, to);
  to = out.writeInt16BE(digits - 1, to);
  to = out.writeUInt32BE(0, to);
  for (let state = digits - 1; state >= 0; state--) to = out.writeUInt16BE(DIGITS[state] ?? 0, to);
  return to;
}

/** Puts the digits of an integer into DIGITS, the lowest first. @returns how many */
function splitDigits(value: number | bigint): number {
  let count = 0;
  if (typeof value === 'number' && Number.isSafeInteger(value)) {
    for (let rest = value; rest > 0; rest = Math.floor(rest / NUMERIC_BASE)) DIGITS[count++] = rest % NUMERIC_BASE;
  } else {
    const base = BigInt(NUMERIC_BASE);
    for (let rest = BigInt(value); rest > 0n; rest /= base) DIGITS[count++] = Number(rest % base);
  }
  return count;
}

/** @throws {RangeError} when the bytes are no such array */
function readWideArray(bytes: Buffer, read: (view: DataView, at: number) => number): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = bytes.readInt32BE(0) === 0 ? 0 : bytes.readInt32BE(12);
  if (bytes.length < HEADER_BYTES + length * WIDE_ELEMENT_BYTES && length > 0) throw new RangeError('a short array');
  const values: number[] = [];
  for (let index = 0, at = HEADER_BYTES + LENGTH_BYTES; index < length; index++, at += WIDE_ELEMENT_BYTES)
    values.push(read(view, at));
  return values;
}
