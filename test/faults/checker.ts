import { Client, type ClientConfig } from 'pg';
import { frameTicks, SYMBOLS_A_FEED, TEST_BASE_MICROS } from './feed-content.ts';
import type { ManagedProcess } from './managed-process.ts';

export interface CheckerOptions {
  /** Straight to the database, past every proxy. */
  readonly database: ClientConfig;
  readonly prefix: string;
  readonly feeds: readonly string[];
  readonly ticksAFrame: number;
  /** Processes whose memory is bounded. */
  readonly bounded: readonly ManagedProcess[];
  readonly maxRssMb: number;
}

interface Sample {
  readonly feed: string;
  readonly seq: string;
  readonly generation: string;
  readonly stored: string;
  readonly different: string;
  readonly ahead: string;
  readonly rejected: string;
  readonly gaps: ReadonlyArray<readonly [after: number, next: number]> | null;
}

const SAMPLE_MS = 250;
const RETRY_MS = 100;

/** What is known of one feed. */
interface Seen {
  /** Up to here the tables were found right. */
  verified: number;
  /** Once after a restore. */
  mayFall: boolean;
  generation: string;
  readonly retired: Set<string>;
  /** Highest seq that the feed was told committed and that has not been compared yet. */
  told: number;
  /** False after a restore, until the feed has opened again and what it is told fits the database again. */
  isArmed: boolean;
  openedSince: boolean;
}

/**
 * Reads the database from a session of its own, all the time: what is stored of each feed is a prefix of what it sent,
 * watermarks never go back, a generation never returns, and no feed is told `committed` ahead of the database.
 */
export class Checker implements AsyncDisposable {
  readonly violations: string[] = [];
  readonly #options: CheckerOptions;
  readonly #seen = new Map<string, Seen>();
  #client: Client | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #comparing = false;
  #isPaused = false;
  #sampling: Promise<void> | undefined;
  #epoch = 0;
  samples = 0;
  comparisons = 0;
  maxRssMb = 0;

  constructor(options: CheckerOptions) {
    this.#options = options;
    for (const feed of options.feeds) this.#seen.set(feed, newSeen());
  }

  start(): void {
    this.#timer = setInterval(() => void this.sample().catch(() => undefined), SAMPLE_MS);
  }

  violation(what: string): void {
    if (this.violations.length < 100) this.violations.push(what);
  }

  /** A feed was told. Compared with the database by a session that has nothing to do with the telling. */
  onCommitted(feed: string, seq: number): void {
    const seen = this.#seen.get(feed);
    if (seen === undefined || this.#isPaused) return;
    seen.told = Math.max(seen.told, seq);
    void this.#compare();
  }

  onOpened(feed: string): void {
    const seen = this.#seen.get(feed);
    if (seen !== undefined && !this.#isPaused) seen.openedSince = true;
  }

  /** Before the database is replaced by an older one: what is known of it ends here. */
  async suspend(): Promise<void> {
    this.#isPaused = true;
    this.#epoch += 1;
    await this.#turn.catch(() => undefined);
  }

  /** The older database answers: watermarks may be lower, once. */
  resume(): void {
    for (const [feed, { verified }] of this.#seen)
      this.#seen.set(feed, { ...newSeen(), verified, mayFall: true, isArmed: false });
    this.#isPaused = false;
  }

  /** Looks once at every feed, in one snapshot. @throws where the database does not answer */
  async sample(): Promise<void> {
    for (const process of this.#options.bounded) {
      const rssMb = process.rssMb();
      this.maxRssMb = Math.max(this.maxRssMb, rssMb);
      if (rssMb > this.#options.maxRssMb) this.violation(`${process.name} uses ${Math.round(rssMb)} MiB`);
    }
    if (this.#isPaused) return;
    this.#sampling ??= this.#sampleOnce().finally(() => (this.#sampling = undefined));
    await this.#sampling;
  }

  async #sampleOnce(): Promise<void> {
    const epoch = this.#epoch;
    const samples = await this.#query<Sample>(SAMPLE_SQL.replaceAll('{prefix}', this.#options.prefix), [
      [...this.#seen.keys()],
      [...this.#seen.values()].map((seen) => seen.verified),
      TEST_BASE_MICROS,
      SYMBOLS_A_FEED,
    ]);
    if (epoch !== this.#epoch) return;
    this.samples += 1;
    for (const sample of samples) this.#judge(sample);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#isPaused = true;
    await this.#turn.catch(() => undefined);
    await this.#client?.end().catch(() => undefined);
  }

  #judge(sample: Sample): void {
    const seen = this.#seen.get(sample.feed);
    if (seen === undefined) return;
    const seq = Number(sample.seq);
    if (seen.mayFall) seen.verified = Math.min(seen.verified, seq);
    seen.mayFall = false;
    if (seq < seen.verified)
      return this.violation(`${sample.feed}: watermark went back from ${seen.verified} to ${seq}`);
    if (sample.generation !== seen.generation) {
      if (seen.retired.has(sample.generation)) this.violation(`${sample.feed}: an old generation came back`);
      seen.retired.add(seen.generation);
      seen.generation = sample.generation;
    }
    if (sample.ahead !== '0') this.violation(`${sample.feed}: ${sample.ahead} ticks above the watermark ${seq}`);
    let expected = 0;
    const gaps = sample.gaps ?? [];
    for (let each = seen.verified + 1; each <= seq; each++) {
      const isGap = gaps.some(([after, next]) => each > after && each <= next);
      if (!isGap) expected += frameTicks(each, this.#options.ticksAFrame);
    }
    const found = Number(sample.stored) + Number(sample.rejected);
    const range = `${sample.feed} ${seen.verified + 1}…${seq}`;
    if (found !== expected) this.violation(`${range}: ${found} of ${expected} ticks`);
    if (sample.stored !== sample.different)
      this.violation(`${range}: ${sample.stored} rows, ${sample.different} different`);
    seen.verified = seq;
  }

  /** Compares what was told with the database; where it is down, later. */
  async #compare(): Promise<void> {
    if (this.#comparing) return;
    this.#comparing = true;
    try {
      while (!this.#isPaused && [...this.#seen.values()].some((seen) => seen.told > 0)) {
        const told = new Map([...this.#seen].map(([feed, seen]) => [feed, seen.told]));
        const epoch = this.#epoch;
        try {
          const rows = await this.#query<{ feed: string; seq: string }>(
            `SELECT feed, seq FROM ${this.#options.prefix}_feed_watermarks WHERE feed = ANY($1)`,
            [[...told.keys()]],
          );
          if (epoch === this.#epoch) this.#compareWith(told, new Map(rows.map((row) => [row.feed, Number(row.seq)])));
        } catch {
          await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        }
      }
    } finally {
      this.#comparing = false;
    }
  }

  #compareWith(told: ReadonlyMap<string, number>, rows: ReadonlyMap<string, number>): void {
    this.comparisons += 1;
    for (const [feed, seq] of told) {
      const seen = this.#seen.get(feed);
      if (seen === undefined || seq === 0) continue;
      if (seen.told === seq) seen.told = 0;
      const stored = rows.get(feed) ?? 0;
      if (stored >= seq) seen.isArmed ||= seen.openedSince;
      else if (seen.isArmed) this.violation(`${feed}: told committed ${seq}, the database has ${stored}`);
    }
  }

  async #query<Row extends object>(text: string, values: readonly unknown[]): Promise<Row[]> {
    const turn = this.#turn
      .catch(() => undefined)
      .then(async () => {
        this.#client ??= await connect(this.#options.database);
        try {
          return (await this.#client.query<Row>(text, [...values])).rows;
        } catch (error) {
          const lost = this.#client;
          this.#client = undefined;
          void lost.end().catch(() => undefined);
          throw error;
        }
      });
    this.#turn = turn;
    return turn;
  }
}

function newSeen(): Seen {
  return {
    verified: 0,
    mayFall: false,
    generation: '',
    retired: new Set(),
    told: 0,
    isArmed: true,
    openedSince: false,
  };
}

async function connect(config: ClientConfig): Promise<Client> {
  const client = new Client({ connectionTimeoutMillis: 2_000, query_timeout: 60_000, ...config });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/**
 * $1 feeds, $2 up to where each has been verified, $3 base time in microseconds, $4 symbols a feed. One statement, one
 * snapshot: rows of a feed above what is verified, counted below and above the watermark of the same moment.
 */
const SAMPLE_SQL = `
SELECT f.feed, w.seq, w.generation, t.stored, t.different, t.ahead, r.rejected, g.gaps
FROM unnest($1::text[], $2::bigint[]) AS f (feed, verified)
JOIN {prefix}_feed_watermarks AS w USING (feed)
CROSS JOIN LATERAL (
  SELECT count(*) FILTER (WHERE volume / 10000 <= w.seq) AS stored,
         count(DISTINCT volume) FILTER (WHERE volume / 10000 <= w.seq) AS different,
         count(*) FILTER (WHERE volume / 10000 > w.seq) AS ahead
  FROM {prefix}_ticks
  WHERE symbol = ANY (ARRAY(SELECT f.feed || '=' || n FROM generate_series(0, $4::int - 1) AS n))
    AND time >= to_timestamp(($3::bigint + (f.verified + 1) * 1000) / 1000000.0)
) AS t
CROSS JOIN LATERAL (
  SELECT count(*) AS rejected FROM {prefix}_ticks_rejected AS x WHERE x.feed = f.feed AND x.seq > f.verified AND x.seq <= w.seq
) AS r
CROSS JOIN LATERAL (
  SELECT json_agg(json_build_array(after_seq, next_seq)) AS gaps FROM {prefix}_feed_gaps AS x WHERE x.feed = f.feed
) AS g`;
