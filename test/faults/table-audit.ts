import { createInterface } from 'node:readline';
import type { Client } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { decodeTestTick, TEST_BASE_MICROS } from '../support/test-ticks.ts';
import { BAD_TICK_EVERY, BAD_TICK_INDEX, frameTicks } from './feed-content.ts';

/** What the tables say of one feed, counted. */
export interface FeedAudit {
  readonly feed: string;
  /** The feed's watermark: everything up to here is stored, rejected or a declared gap. */
  readonly committed: number;
  readonly rows: number;
  readonly rejected: number;
  /** Frames declared as missing. */
  readonly gapFrames: number;
}

export interface AuditReport {
  readonly feeds: readonly FeedAudit[];
  /** Every way in which the tables are not right, at the most a hundred; empty is the verdict. */
  readonly wrong: readonly string[];
}

const MAX_WRONG = 100;

/** Frames of one feed as they are found. */
class FoundFrames {
  readonly feed: string;
  readonly committed: number;
  readonly #firstSeq: number;
  readonly #ticksAFrame: number;
  /** Offset of each frame's first tick in the bits, from `firstSeq`. */
  readonly #offsets: Float64Array;
  readonly #bits: Uint8Array;
  readonly #gaps = new Set<number>();
  rows = 0;
  rejected = 0;

  constructor(feed: string, committed: number, firstSeq: number, ticksAFrame: number) {
    this.feed = feed;
    this.committed = committed;
    this.#firstSeq = firstSeq;
    this.#ticksAFrame = ticksAFrame;
    const frames = Math.max(0, committed - firstSeq + 1);
    this.#offsets = new Float64Array(frames + 1);
    for (let at = 0; at < frames; at++)
      this.#offsets[at + 1] = (this.#offsets[at] ?? 0) + frameTicks(firstSeq + at, ticksAFrame);
    this.#bits = new Uint8Array(Math.ceil((this.#offsets[frames] ?? 0) / 8));
  }

  get gapFrames(): number {
    return this.#gaps.size;
  }

  /** @returns what is wrong with a tick found in a table */
  found(seq: number, index: number, isRejected: boolean): string | undefined {
    const name = `${this.feed} ${seq}/${index}`;
    if (isRejected) this.rejected += 1;
    else this.rows += 1;
    if (seq > this.committed) return `${name} is stored above the watermark ${this.committed}`;
    if (seq < this.#firstSeq) return undefined;
    if (index >= frameTicks(seq, this.#ticksAFrame)) return `${name} was never sent`;
    if (!isRejected && seq % BAD_TICK_EVERY === 0 && index === BAD_TICK_INDEX)
      return `${name} is not valid, but stored`;
    const bit = (this.#offsets[seq - this.#firstSeq] ?? 0) + index;
    const mask = 1 << (bit & 7);
    const byte = this.#bits[bit >> 3] ?? 0;
    if ((byte & mask) !== 0) return `${name} is there twice`;
    this.#bits[bit >> 3] = byte | mask;
    return undefined;
  }

  gap(after: number, next: number): string | undefined {
    if (next > this.committed) return `${this.feed}: a gap up to ${next} above the watermark`;
    for (let seq = Math.max(this.#firstSeq, after + 1); seq <= next; seq++) this.#gaps.add(seq);
    return undefined;
  }

  /** Frames that are neither there whole nor declared. */
  *missing(): Generator<string> {
    for (let seq = this.#firstSeq; seq <= this.committed; seq++) {
      const from = this.#offsets[seq - this.#firstSeq] ?? 0;
      const to = this.#offsets[seq - this.#firstSeq + 1] ?? 0;
      let there = 0;
      for (let bit = from; bit < to; bit++) there += ((this.#bits[bit >> 3] ?? 0) >> (bit & 7)) & 1;
      if (this.#gaps.has(seq) ? there > 0 : there < to - from) {
        yield `${this.feed} ${seq}: ${there} of ${to - from} ticks${this.#gaps.has(seq) ? ' though declared a gap' : ''}`;
      }
    }
  }
}

/**
 * Judges the tables alone, in one snapshot: of every feed each tick up to the watermark is there once, or among the
 * rejected once, or in a declared gap; and nothing above it.
 *
 * @param fromSeq only frames from here on, where a feed is named; rows below are not read
 * @param client a session of the caller's own that nobody else uses
 */
export async function auditTables(
  client: Client,
  options: {
    readonly prefix: string;
    readonly feeds: readonly string[];
    readonly ticksAFrame: number;
    readonly fromSeq?: ReadonlyMap<string, number>;
  },
): Promise<AuditReport> {
  const { prefix, feeds, ticksAFrame, fromSeq } = options;
  const wrong: string[] = [];
  const note = (what: string | undefined): void => {
    if (what !== undefined && wrong.length < MAX_WRONG) wrong.push(what);
  };
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    const found = new Map<string, FoundFrames>();
    const { rows } = await client.query<{ feed: string; seq: string }>(
      `SELECT feed, seq FROM ${prefix}_feed_watermarks WHERE feed = ANY($1)`,
      [feeds],
    );
    for (const row of rows)
      found.set(row.feed, new FoundFrames(row.feed, Number(row.seq), fromSeq?.get(row.feed) ?? 1, ticksAFrame));
    const gaps = await client.query<{ feed: string; after_seq: string; next_seq: string }>(
      `SELECT feed, after_seq, next_seq FROM ${prefix}_feed_gaps WHERE feed = ANY($1)`,
      [feeds],
    );
    for (const gap of gaps.rows) note(found.get(gap.feed)?.gap(Number(gap.after_seq), Number(gap.next_seq)));
    const rejected = await client.query<{ feed: string; seq: string; idx: number }>(
      `SELECT feed, seq, idx FROM ${prefix}_ticks_rejected WHERE feed = ANY($1)`,
      [feeds],
    );
    for (const row of rejected.rows) note(found.get(row.feed)?.found(Number(row.seq), row.idx, true));
    const lowest = Math.min(...feeds.map((feed) => fromSeq?.get(feed) ?? 1));
    for await (const line of ticksFrom(client, prefix, lowest)) note(foundRow(line, found));
    for (const frames of found.values()) {
      for (const what of frames.missing()) note(what);
    }
    return {
      wrong,
      feeds: [...found.values()].map(({ feed, committed, rows: stored, rejected: refused, gapFrames }) => ({
        feed,
        committed,
        rows: stored,
        rejected: refused,
        gapFrames,
      })),
    };
  } finally {
    await client.query('ROLLBACK').catch(() => undefined);
  }
}

function ticksFrom(client: Client, prefix: string, seq: number): AsyncIterable<string> {
  const fromMicros = TEST_BASE_MICROS + seq * 1_000;
  const rows = client.query(
    copyTo(`COPY (SELECT symbol, price, volume, (extract(epoch FROM time) * 1000000)::bigint FROM ${prefix}_ticks
                  WHERE time >= to_timestamp(${fromMicros} / 1000000.0)) TO STDOUT`),
  );
  return createInterface({ input: rows, crlfDelay: Infinity });
}

function foundRow(line: string, found: ReadonlyMap<string, FoundFrames>): string | undefined {
  const [symbol = '', price = '', volume = '', micros = ''] = line.split('\t');
  const frames = found.get(symbol.slice(0, symbol.lastIndexOf('=')));
  // Other feeds of the same tables are somebody else's.
  if (frames === undefined) return undefined;
  try {
    const { seq, index } = decodeTestTick([symbol, Number(price), Number(volume), Number(micros)]);
    return frames.found(seq, index, false);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The bars are of the same transactions as the ticks. @returns what contradicts them */
export async function auditBars(client: Client, prefix: string): Promise<string | undefined> {
  const { rows } = await client.query<{ ticks: string; trades: string; volume: string; bars: string }>(
    `SELECT (SELECT count(*) FROM ${prefix}_ticks)::text AS ticks, (SELECT coalesce(sum(trades), 0) FROM ${prefix}_bars_1m)::text AS trades,
            (SELECT coalesce(sum(volume), 0) FROM ${prefix}_ticks)::text AS volume, (SELECT coalesce(sum(volume), 0) FROM ${prefix}_bars_1m)::text AS bars`,
  );
  const row = rows[0];
  if (row === undefined) return 'no answer';
  if (row.ticks !== row.trades) return `${row.ticks} ticks, but the bars count ${row.trades} trades`;
  return Number(row.volume) === Number(row.bars) ? undefined : `volume ${row.volume}, but the bars sum to ${row.bars}`;
}
