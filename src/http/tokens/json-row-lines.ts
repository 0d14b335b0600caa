const JSON_PARTS = /"(?:[^"\\]|\\.)*"|[[\]{}:,\n]|[^\s"[\]{}:,]+/g;

/** Line numbers, from 1, of the elements of one top-level array; `text` is valid JSON. Of a repeated key the last counts. */
export function jsonRowLines(text: string, arrayKey: string): readonly number[] {
  let lines: number[] = [];
  let line = 1;
  let depth = 0;
  let lastText = '';
  let key = '';
  let isInside = false;
  for (const [part] of text.matchAll(JSON_PARTS)) {
    if (part === '\n') line += 1;
    else if (part === ':') key = depth === 1 ? lastText : key;
    else if (part === ']' || part === '}') {
      depth -= 1;
      if (depth === 1) isInside = false;
    } else if (part !== ',') {
      if (isInside && depth === 2) lines.push(line);
      if (part === '[' && depth === 1 && key === arrayKey) [isInside, lines] = [true, []];
      if (part === '[' || part === '{') depth += 1;
      if (part.startsWith('"')) lastText = String(JSON.parse(part));
    }
  }
  return lines;
}
