import type { Watermark } from '../../src/flush/chain-filter.ts';
import type { ModelFrame } from './feed-model.ts';
import { ServiceFailure } from './model-call.ts';
import { ContractBroken, type ModelRules } from './model-rules.ts';

export interface ModelRow extends Watermark {
  readonly writer: string;
}

/** How a transaction moves a feed's watermark, and what it stores for it. */
export interface ModelAdvance {
  readonly feed: string;
  readonly generation: string;
  readonly from: number;
  readonly to: number;
  readonly writer: string;
}

/** A flush's transaction as the server sees it. */
export class FlushTransaction {
  isOpen = true;
  advances: readonly ModelAdvance[] = [];
  frames: readonly ModelFrame[] = [];
}

interface Copy {
  readonly rows: Map<string, ModelRow>;
  readonly chains: Map<string, readonly ModelFrame[]>;
}

/** The PostgreSQL server: rows, locks, and what is stored of each feed, in the order in which it was. */
export class DatabaseModel {
  readonly #rules: ModelRules;
  readonly #story: string[] | undefined;
  isUp = true;
  /** How often it was put back to an older copy: what was told before belongs to another history. */
  restores = 0;
  commits = 0;
  /** Generations written into rows. */
  renewals = 0;
  rows: Map<string, ModelRow> = new Map();
  /** Per feed its frames, skips among them. */
  #chains = new Map<string, readonly ModelFrame[]>();
  #copy: Copy = { rows: new Map(), chains: new Map() };
  #lockHolder: FlushTransaction | undefined;
  readonly #rowLocks = new Map<string, FlushTransaction>();
  readonly #open = new Set<FlushTransaction>();

  constructor(rules: ModelRules, story: string[] | undefined) {
    this.#rules = rules;
    this.#story = story;
  }

  chain(feed: string): readonly ModelFrame[] {
    return this.#chains.get(feed) ?? [];
  }

  isLockedForOthers(feeds: Iterable<string>, me: FlushTransaction | undefined): boolean {
    for (const feed of feeds) {
      const holder = this.#rowLocks.get(feed);
      if (holder !== undefined && holder !== me) return true;
    }
    return false;
  }

  /** `UPDATE … SET generation … RETURNING`, an INSERT for a new feed. */
  renew(feed: string, generation: string): ModelRow {
    const row = this.rows.get(feed) ?? { seq: 0, generation, writer: '' };
    this.rows.set(feed, { ...row, generation });
    this.renewals += 1;
    this.#story?.push(`  ${feed}: row renewed to ${generation} at ${row.seq}, written by ${row.writer}`);
    return row;
  }

  read(): Map<string, ModelRow> {
    return new Map(this.rows);
  }

  begin(transaction: FlushTransaction): boolean {
    this.#open.add(transaction);
    if (!this.#rules.takesFlushLock) return true;
    if (this.#lockHolder !== undefined) return false;
    this.#lockHolder = transaction;
    return true;
  }

  lockRows(transaction: FlushTransaction, feeds: Iterable<string>): Map<string, ModelRow> {
    this.#refuseEnded(transaction);
    if (this.#rules.locksRows) for (const feed of feeds) this.#rowLocks.set(feed, transaction);
    return this.read();
  }

  /** The UPDATE of the watermarks: locks the rows, and compares them where the rules say so. */
  advance(transaction: FlushTransaction, advances: readonly ModelAdvance[], frames: readonly ModelFrame[]): void {
    this.#refuseEnded(transaction);
    for (const { feed, generation, from } of advances) {
      const row = this.rows.get(feed);
      if (isExpected(row, generation, from, this.#rules.comparesAndSets)) continue;
      this.abort(transaction);
      throw new ServiceFailure('database', false);
    }
    for (const { feed } of advances) this.#rowLocks.set(feed, transaction);
    transaction.advances = advances;
    transaction.frames = frames;
  }

  /** @returns the history of the database in which this is so */
  commit(transaction: FlushTransaction): number {
    this.#refuseEnded(transaction);
    for (const { feed, to, writer, generation } of transaction.advances) {
      const row = this.rows.get(feed) ?? { seq: 0, generation, writer };
      this.rows.set(feed, { ...row, seq: to, writer });
      const chain = [...this.chain(feed)];
      for (const frame of transaction.frames) if (frame.feed === feed) appendToChain(chain, frame);
      this.#chains.set(feed, chain);
      this.#story?.push(`  ${feed}: committed to ${to}, written by ${writer}; ${list(chain)}`);
    }
    this.commits += 1;
    this.abort(transaction);
    return this.restores;
  }

  /** ROLLBACK, the end of its session, or `pg_terminate_backend`. */
  abort(transaction: FlushTransaction): void {
    transaction.isOpen = false;
    this.#open.delete(transaction);
    if (this.#lockHolder === transaction) this.#lockHolder = undefined;
    for (const [feed, holder] of this.#rowLocks) if (holder === transaction) this.#rowLocks.delete(feed);
  }

  abortAll(except: ReadonlyArray<FlushTransaction | undefined> = []): void {
    for (const transaction of this.#open) if (!except.includes(transaction)) this.abort(transaction);
  }

  takeCopy(): void {
    this.#copy = { rows: new Map(this.rows), chains: new Map(this.#chains) };
  }

  restoreCopy(): void {
    this.abortAll();
    this.restores += 1;
    this.rows = new Map(this.#copy.rows);
    this.#chains = new Map(this.#copy.chains);
  }

  #refuseEnded(transaction: FlushTransaction): void {
    if (!transaction.isOpen) throw new ServiceFailure('database', true);
  }
}

function isExpected(
  row: ModelRow | undefined,
  generation: string,
  seq: number,
  compares: ModelRules['comparesAndSets'],
): boolean {
  if (compares === 'nothing') return true;
  return row?.generation === generation && (compares === 'generation' || row.seq === seq);
}

/** What is stored of a feed is a prefix of what was sent, in order, nothing twice, nothing of another process under a used number. */
function appendToChain(chain: ModelFrame[], frame: ModelFrame): void {
  const top = chain.at(-1);
  const reached = top?.seq ?? 0;
  if (frame.seq <= reached)
    throw new ContractBroken(`${frame.name} is stored a second time, or its number is: ${list(chain)}`);
  if (frame.prev !== reached) throw new ContractBroken(`${frame.name} is stored behind a hole: ${list(chain)}`);
  const { before } = frame;
  if (before !== undefined && !before.isForgotten && top !== before && top?.skip !== true) {
    throw new ContractBroken(`${frame.name} is stored, ${before.name} before it is not: ${list(chain)}`);
  }
  chain.push(frame);
}

function list(chain: readonly ModelFrame[]): string {
  return `stored is [${chain.map((frame) => frame.name).join(' ')}]`;
}
