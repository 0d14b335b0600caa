import type { Client } from 'pg';
import { loadSql } from './sql-file.ts';

interface PlainChunk {
  /** Quoted, with its schema. */
  readonly name: string;
  readonly fromMicros: number;
  /** The first microsecond behind it. */
  readonly toMicros: number;
}

/** Chunks remembered: a trading day needs one, a backfill goes from one to the next. */
const MAX_KNOWN = 16;
/** Copies into the hypertable after a refusal, before a chunk is tried again. */
const WARY_COPIES = 1_000;

/**
 * Chunk pruning of COPY: a batch that lies in one plain chunk is copied straight into it, and PostgreSQL need not find
 * the chunk of every row, a tenth of the time of a COPY. It is a short cut and nothing more: a batch that the chunk
 * refuses is copied into the hypertable, whose verdict counts. Belongs to one connection.
 */
export class TickChunks {
  readonly #prefix: string;
  readonly #sql: string;
  #known: PlainChunk[] = [];
  #waryCopies = 0;

  constructor(prefix: string) {
    this.#prefix = prefix;
    this.#sql = loadSql('./sql/read-plain-chunk.sql', { prefix });
  }

  /**
   * The table for ticks of these times, both ends included: a chunk, or the hypertable.
   * @throws pg's errors as they come
   */
  async tableFor(client: Client, fromMicros: number, toMicros: number): Promise<string> {
    const hypertable = `${this.#prefix}_ticks`;
    if (this.#waryCopies > 0) {
      this.#waryCopies -= 1;
      return hypertable;
    }
    const chunk = this.#known.find((each) => holds(each, fromMicros)) ?? (await this.#findChunk(client, fromMicros));
    return chunk !== undefined && holds(chunk, toMicros) ? chunk.name : hypertable;
  }

  /**
   * After a refusal of the last copy: copies go into the hypertable for a while.
   * @returns whether it had been meant for a chunk, so that trying again makes a difference
   */
  fallBackToHypertable(): boolean {
    const wasChunk = this.#waryCopies === 0;
    this.#known = [];
    this.#waryCopies = WARY_COPIES;
    return wasChunk;
  }

  async #findChunk(client: Client, micros: number): Promise<PlainChunk | undefined> {
    const { rows } = await client.query<{ chunk: string; from_micros: string; to_micros: string }>({
      name: `tickgate_plain_chunk_${this.#prefix}`,
      text: this.#sql,
      values: [micros],
    });
    const row = rows[0];
    if (row === undefined) return undefined;
    const found = { name: row.chunk, fromMicros: Number(row.from_micros), toMicros: Number(row.to_micros) };
    this.#known = [found, ...this.#known].slice(0, MAX_KNOWN);
    return found;
  }
}

function holds(chunk: PlainChunk, micros: number): boolean {
  return chunk.fromMicros <= micros && micros < chunk.toMicros;
}
