/** A feed's row in the watermarks table: how far it is stored, and in which generation. */
export interface Watermark {
  readonly seq: number;
  readonly generation: string;
}

/**
 * - `take`: continues the watermark, to be stored
 * - `repeat`: stored already
 * - `stale`: of another generation than the row's, or a feed without a row: can never be stored
 * - `broken`: does not continue the watermark, or stands behind a frame that did not
 */
export type ChainVerdict = 'take' | 'repeat' | 'stale' | 'broken';

/**
 * The flush's filter, a pure rule: of each feed exactly the frames that continue its watermark, in order, pass.
 * With it what is stored of a feed is at every moment a prefix of what it sent, whatever the stream holds.
 */
export class ChainFilter {
  readonly #rows: ReadonlyMap<string, Watermark>;
  readonly #reached = new Map<string, number>();
  readonly #broken = new Set<string>();

  constructor(rows: ReadonlyMap<string, Watermark>) {
    this.#rows = rows;
  }

  /** Classifies one frame. Frames come in the order of the stream, and a `take` is followed by `take()` or by the end. */
  classify(feed: string, generation: string, prev: number, seq: number): ChainVerdict {
    const row = this.#rows.get(feed);
    if (row === undefined || row.generation !== generation) return 'stale';
    const reached = this.#reached.get(feed) ?? row.seq;
    if (seq <= reached) return 'repeat';
    if (this.#broken.has(feed) || prev !== reached) {
      this.#broken.add(feed);
      return 'broken';
    }
    return 'take';
  }

  /** Counts a frame that was classified `take` as taken. */
  take(feed: string, seq: number): void {
    this.#reached.set(feed, seq);
  }

  /** Breaks the feed's chain at a frame that cannot be read: the frames behind it are `broken` too. */
  breakOff(feed: string): void {
    this.#broken.add(feed);
  }

  /** Where the feed stands after the frames taken so far; undefined where none was. */
  reached(feed: string): number | undefined {
    return this.#reached.get(feed);
  }
}
