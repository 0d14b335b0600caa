import type { DependencyHealth } from '../health-routes.ts';
import type { KnownToken, TokenRows } from './token-rows.ts';

/** Result of one reading of the tokens file. */
export type FileReading =
  | { readonly rows: TokenRows }
  /** `text` is undefined where nothing could be read at all. */
  | { readonly cause: string; readonly text: string | undefined };

type Fault = { readonly sinceMs: number; cause: string; phase: 'settling' | 'grace' | 'locked' };

/** Settling time of a file that is being written: so long an unreadable one changes nothing. */
const SETTLE_MS = 300;

/**
 * Rows in force, by the readings of the tokens file. While the file cannot be read the last good rows count for the
 * grace time, except those whose hash the broken text does not hold any more; after it nobody gets in.
 */
export class TokenList {
  readonly #graceMs: number;
  #good: TokenRows;
  #known: readonly KnownToken[];
  #marks: ReadonlySet<string>;
  #fault: Fault | undefined;

  constructor(rows: TokenRows, graceMs: number) {
    this.#graceMs = Math.max(graceMs, SETTLE_MS);
    this.#good = rows;
    this.#known = rows.known;
    this.#marks = marksOf(rows.known);
  }

  get known(): readonly KnownToken[] {
    return this.#known;
  }

  /** Rows of the last good reading that are not valid. */
  get refused(): TokenRows['refused'] {
    return this.#good.refused;
  }

  /** Whether the file cannot be read now, settled or not. */
  get isFaulty(): boolean {
    return this.#fault !== undefined;
  }

  /** Whether the grace time is over, and nobody gets in. */
  get isLocked(): boolean {
    return this.#fault?.phase === 'locked';
  }

  has(rowMark: string): boolean {
    return this.#marks.has(rowMark);
  }

  /**
   * Takes one reading.
   * @param nowMs of a monotonic clock
   * @returns the phase that it began: `good` after new rows or a fault that is over, `undefined` where nothing changed
   */
  take(reading: FileReading, nowMs: number): 'good' | 'grace' | 'locked' | undefined {
    if ('rows' in reading) return this.#takeRows(reading.rows);
    const fault = (this.#fault ??= { sinceMs: nowMs, cause: reading.cause, phase: 'settling' });
    fault.cause = reading.cause;
    const ageMs = nowMs - fault.sinceMs;
    const before = fault.phase;
    if (ageMs >= SETTLE_MS) fault.phase = ageMs >= this.#graceMs ? 'locked' : 'grace';
    if (fault.phase === 'settling') return undefined;
    const known = fault.phase === 'locked' ? [] : stillListed(this.#good.known, reading.text);
    const isChanged = fault.phase !== before || known.length !== this.#known.length;
    this.#setKnown(known);
    return isChanged ? fault.phase : undefined;
  }

  /** State for `/readyz`, without the file's address or content. */
  health(nowMs: number): DependencyHealth {
    const fault = this.#fault;
    if (fault === undefined || fault.phase === 'settling') {
      const refused = this.refused.length;
      const count = `${this.#known.length} tokens`;
      return { ok: true, detail: refused === 0 ? count : `${count}; rows refused, see the log: ${refused}` };
    }
    const leftMs = Math.max(0, fault.sinceMs + this.#graceMs - nowMs);
    const then = fault.phase === 'locked' ? 'nobody gets in' : `nobody gets in after ${Math.ceil(leftMs / 1_000)} s`;
    return { ok: false, detail: `the tokens file cannot be used: ${fault.cause}; ${then}` };
  }

  #takeRows(rows: TokenRows): 'good' | undefined {
    const wasFaulty = this.#fault !== undefined && this.#fault.phase !== 'settling';
    this.#fault = undefined;
    if (!wasFaulty && describesSame(rows, this.#good)) return undefined;
    this.#good = rows;
    this.#setKnown(rows.known);
    return 'good';
  }

  #setKnown(known: readonly KnownToken[]): void {
    this.#known = known;
    this.#marks = marksOf(known);
  }
}

function marksOf(known: readonly KnownToken[]): ReadonlySet<string> {
  return new Set(known.map(({ principal }) => principal.rowMark));
}

/** Tokens that a broken text still lists. A text that is missing or empty says nothing about any of them. */
function stillListed(known: readonly KnownToken[], text: string | undefined): readonly KnownToken[] {
  if (text === undefined || text.trim() === '') return known;
  const lower = text.toLowerCase();
  return known.filter(({ hash }) => lower.includes(hash.toString('hex')));
}

function describesSame(one: TokenRows, other: TokenRows): boolean {
  const facts = ({ known, refused }: TokenRows): string =>
    JSON.stringify([known.map(({ principal }) => principal.rowMark), refused]);
  return facts(one) === facts(other);
}
