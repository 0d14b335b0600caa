import { z } from 'zod';
import { UsageError } from '../../errors.ts';
import { parseIsoMicros } from '../../market/tick.ts';
import { jsonRowLines } from './json-row-lines.ts';
import { type Principal, toPrincipal } from './principal.ts';

/** A row that is in force. */
export interface KnownToken {
  /** SHA-256 of the token. */
  readonly hash: Buffer;
  readonly principal: Principal;
}

/** A row that is not valid: it refuses itself only. Never holds the token or its hash. */
export interface RefusedRow {
  readonly line: number;
  /** Undefined where the row has no valid name. */
  readonly name: string | undefined;
  readonly reason: string;
}

/** Rows of a tokens file. */
export interface TokenRows {
  readonly known: readonly KnownToken[];
  readonly refused: readonly RefusedRow[];
}

const MICROS_PER_MS = 1_000;
const DATE = /^\d{4}-\d\d-\d\d$/;
const REMEDY = 'write {"tokens":[{"name":…,"sha256":…,"roles":["feed"|"live"]}]}; tickgate token makes a row';

const rowName = z.string().min(1).max(64);
const tokenRow = z.strictObject({
  name: rowName,
  /** Of the token, in hexadecimal: the file never holds a token itself. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/i, 'is not 64 hexadecimal digits'),
  roles: z.array(z.enum(['feed', 'live'])).min(1),
  /** Names of feeds it may publish; `*` at the end stands for anything. */
  feeds: z.array(z.string()).default(['*']),
  /** Symbols it may see; `*` is every one. */
  symbols: z.array(z.string()).default(['*']),
  /** Expiry, ISO 8601: a date (00:00 UTC), or a date and time with a zone. */
  expires: z
    .string()
    .refine((text) => Number.isFinite(expiryMs(text)), 'is not an ISO 8601 date, or date and time with a zone')
    .optional(),
});
const fileShape = z.strictObject({ tokens: z.array(z.unknown()) });
const namedRow = z.looseObject({ name: rowName });

/** Milliseconds since the epoch of a row's `expires`; NaN for a text that is none. */
export function expiryMs(text: string): number {
  return Math.floor(parseIsoMicros(DATE.test(text) ? `${text}T00:00Z` : text) / MICROS_PER_MS);
}

/**
 * Parses a tokens file. An empty list is valid: then nobody gets in.
 * @throws {UsageError} when the whole is no tokens file; its message never quotes the file
 */
export function parseTokenRows(text: string): TokenRows {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`it cannot be read as JSON${whereOf(error, text)}`, { remedy: REMEDY });
  }
  const file = fileShape.safeParse(content);
  if (!file.success) throw new UsageError(`it has not the shape {"tokens":[…]}`, { remedy: REMEDY });
  const known: KnownToken[] = [];
  const refused: RefusedRow[] = [];
  let lines: readonly number[] | undefined;
  for (const [at, row] of file.data.tokens.entries()) {
    const parsed = tokenRow.safeParse(row);
    if (parsed.success) {
      const { sha256, expires } = parsed.data;
      const endsAtMs = expires === undefined ? Number.POSITIVE_INFINITY : expiryMs(expires);
      const principal = toPrincipal(parsed.data, JSON.stringify(parsed.data), endsAtMs);
      known.push({ hash: Buffer.from(sha256, 'hex'), principal });
      continue;
    }
    lines ??= jsonRowLines(text, 'tokens');
    refused.push({ line: lines[at] ?? 0, name: nameOf(row), reason: reasonOf(parsed.error) });
  }
  return { known, refused };
}

/** Position of a syntax error. The parser's own message is left out: it quotes the file around it. */
function whereOf(error: unknown, text: string): string {
  if (text.trim() === '') return ': it is empty';
  const position = /at position (\d+)/.exec(String(error))?.[1];
  if (position === undefined) return '';
  return `: syntax error in line ${text.slice(0, Number(position)).split('\n').length}`;
}

function nameOf(row: unknown): string | undefined {
  const named = namedRow.safeParse(row);
  return named.success ? named.data.name : undefined;
}

/** First fault of a row. Unknown members are not named: a key may be a token that was put in the wrong position. */
function reasonOf(error: z.ZodError): string {
  const [issue] = error.issues;
  if (issue === undefined || issue.path.length === 0) {
    return issue?.code === 'unrecognized_keys' ? 'it has a member that is not known' : 'it is not an object';
  }
  return `${issue.path.join('.')}: ${issue.message}`;
}
