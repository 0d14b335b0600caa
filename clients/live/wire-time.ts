const SECOND_LENGTH = 19;
const MICRO_DIGITS = 6;

let lastSecond = '';
let lastSecondMicros = 0;

/**
 * Microseconds since the Unix epoch of a time as the gateway writes it (`2025-12-01T10:15:00.123456Z`); the part up to
 * the second is remembered, since most ticks of a moment share it.
 */
export function parseWireMicros(text: string): number {
  const second = text.slice(0, SECOND_LENGTH);
  if (second !== lastSecond) {
    lastSecond = second;
    lastSecondMicros = Date.parse(`${second}Z`) * 1_000;
  }
  const fraction = text.slice(SECOND_LENGTH + 1, -1).slice(0, MICRO_DIGITS);
  return lastSecondMicros + Number(fraction.padEnd(MICRO_DIGITS, '0'));
}
