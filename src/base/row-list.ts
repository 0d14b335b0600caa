import { grown } from './growable-columns.ts';

const INITIAL_ROWS = 16;

/**
 * Row numbers in a growable array whose memory is used again after `clear()`. Every dashboard has rows pending most of
 * the time: as new arrays for each frame they would outlive young collections, which then take twice as long.
 */
export class RowList {
  values: Int32Array = new Int32Array(INITIAL_ROWS);
  length = 0;

  /** The rows from `from` up to `to`. */
  static range(from: number, to: number): RowList {
    const list = new RowList();
    for (let row = from; row < to; row++) list.push(row);
    return list;
  }

  push(row: number): void {
    if (this.length === this.values.length) this.values = grown(this.values, this.length * 2);
    this.values[this.length++] = row;
  }

  at(index: number): number {
    return this.values[index] ?? 0;
  }

  clear(): void {
    this.length = 0;
  }

  /** A list of its own of some of them. */
  slice(from: number, to: number = this.length): RowList {
    const list = new RowList();
    for (let index = from; index < to; index++) list.push(this.at(index));
    return list;
  }
}
