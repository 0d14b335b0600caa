import { TWO_32 } from '../base/two-32.ts';
import { MAX_PRICE, SYMBOL_BYTES } from './tick.ts';

/** Bound here for speed, see two-32.ts. */
const HIGH_UNIT: number = TWO_32;

/** Price, the longest volume and the time, each with its type byte. */
const LONGEST_NUMBERS = 9 + 5 + 9;

/**
 * Fast path of the tick check: where the row at `pos` ends, if it is valid and in the form that nearly every feed sends:
 * `[symbol, price, volume, timeMicros]` as a short text, a double, an unsigned integer of up to 32 bits, and an unsigned
 * integer or a double. Anything else, and the last bytes of a message, give 0 and are left to `TickChecker`: this only
 * spares it the plain, valid rows, at a third of the time.
 * @param earliestMicros first and last (`latestMicros`) time that a row of this frame may have
 */
export function plainRowEnd(
  bytes: Buffer,
  view: DataView,
  pos: number,
  earliestMicros: number,
  latestMicros: number,
): number {
  const symbolAt = pos + 2;
  if (symbolAt > bytes.length || bytes[pos] !== 0x94) return 0;
  const symbolByte = bytes[pos + 1] ?? 0;
  const length = symbolByte & 0x1f;
  if ((symbolByte & 0xe0) !== 0xa0 || length === 0) return 0;
  let at = symbolAt + length;
  if (at + LONGEST_NUMBERS > bytes.length) return 0;
  for (let i = symbolAt; i < at; i++) if (SYMBOL_BYTES[bytes[i] ?? 0] !== 1) return 0;

  if (bytes[at] !== 0xcb) return 0;
  const price = view.getFloat64(at + 1);
  if (!(price > 0 && price < MAX_PRICE)) return 0;
  at += 9;

  const volumeByte = bytes[at] ?? 0;
  if (volumeByte < 0x80) at += 1;
  else if (volumeByte === 0xcc) at += 2;
  else if (volumeByte === 0xcd) at += 3;
  else if (volumeByte === 0xce) at += 5;
  else return 0;

  const timeByte = bytes[at];
  let timeMicros: number;
  if (timeByte === 0xcf) timeMicros = view.getUint32(at + 1) * HIGH_UNIT + view.getUint32(at + 5);
  else if (timeByte === 0xcb) timeMicros = view.getFloat64(at + 1);
  else return 0;
  if (!(timeMicros >= earliestMicros && timeMicros <= latestMicros) || Math.floor(timeMicros) !== timeMicros) return 0;
  return at + 9;
}
