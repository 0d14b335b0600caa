import type { Pool } from 'pg';

/** A feed's row in the watermarks table: the only truth about how far it is stored. */
export interface WatermarkRow {
  /** Every tick up to this seq is stored. */
  readonly seq: number;
  /** Entries of another generation can never be committed. */
  readonly generation: string;
  /** Instance that sent the frame `seq`. */
  readonly writer: string;
}

/** Reads and renews watermarks outside a flush. The flush itself advances them, in its own transaction. */
export class FeedWatermarks {
  readonly #pool: Pool;
  readonly #table: string;

  constructor(pool: Pool, prefix: string) {
    this.#pool = pool;
    this.#table = `${prefix}_feed_watermarks`;
  }

  /**
   * Plants a new generation in the feed's row, making the row if the feed is new. From its commit on no entry of an
   * older generation can be committed. Waits for a running flush of the feed, at most the session's lock_timeout.
   * @throws pg's errors as they come
   */
  async renew(feed: string, generation: string): Promise<WatermarkRow> {
    const { rows } = await this.#pool.query<{ seq: string; writer: string }>({
      name: `tickgate_renew_${this.#table}`,
      text: `INSERT INTO ${this.#table} (feed, seq, generation, writer) VALUES ($1, 0, $2, '')
             ON CONFLICT (feed) DO UPDATE SET generation = excluded.generation
             RETURNING seq, writer`,
      values: [feed, generation],
    });
    const row = rows[0];
    if (row === undefined) throw new RangeError('the renewal returned no row');
    return { seq: Number(row.seq), generation, writer: row.writer };
  }

  /** Rows of the feeds asked for; a feed without a row is missing in the answer. */
  async read(feeds: readonly string[]): Promise<Map<string, WatermarkRow>> {
    const { rows } = await this.#pool.query<{ feed: string; seq: string; generation: string; writer: string }>({
      name: `tickgate_read_${this.#table}`,
      text: `SELECT feed, seq, generation, writer FROM ${this.#table} WHERE feed = ANY($1)`,
      values: [feeds],
    });
    return new Map(
      rows.map((row) => [row.feed, { seq: Number(row.seq), generation: row.generation, writer: row.writer }]),
    );
  }
}
