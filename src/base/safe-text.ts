/**
 * Characters that a terminal obeys or that turn the text around them: C0 and C1 controls, line separators, and the marks
 * of bidirectional and invisible text. What servers and feeds name may hold any of them.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
const UNSAFE_BUT_LINES = new RegExp(`(?!\\n)${UNSAFE.source}`, 'gu');
const MAX_LENGTH = 200;

/** A text from outside, for one line of a terminal: unsafe characters as `\u009b`, and at most so many characters. */
export function safeText(text: string, maxLength: number = MAX_LENGTH): string {
  const safe = text.slice(0, maxLength + 1).replace(UNSAFE, escape);
  return safe.length > maxLength ? `${safe.slice(0, maxLength - 1)}…` : safe;
}

/** Lines that were put together of texts from outside: their line ends stay, every other unsafe character is escaped. */
export function safeLines(lines: string): string {
  return lines.replace(UNSAFE_BUT_LINES, escape);
}

/** JSON text that stays the same JSON: in strings the escape means its character. */
export function safeJson(json: string): string {
  return json.replace(UNSAFE, escape);
}

/** Escaped by UTF-16 code units, as JSON does it. */
function escape(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}
