import type { RowList } from '../../base/row-list.ts';
import type { CodecName } from '../../protocol/version.ts';

import { formatResumeToken, type StreamCursor } from '../../stream/stream-cursor.ts';
import { positionElement } from '../frames/fragment-writer.ts';

/** An entry whose ticks are pending, as rows of the columns of pending ticks. */
export interface PendingEntry {
  readonly fromRow: number;
  readonly toRow: number;
  readonly acceptedAtMs: number;
  /** Cursor of the stream after it. */
  readonly cursor: StreamCursor | undefined;
}

/** Ticks of consecutive entries that go into one frame: frames end where an entry ends, so that positions are exact. */
export interface PendingPart {
  /** Undefined: all rows from `fromRow` up to `toRow`. */
  readonly rows: RowList | undefined;
  readonly fromRow: number;
  readonly toRow: number;
  readonly lastEntry: number;
  /** When the first and the last of the entries were accepted. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** At most so many ticks a frame; a larger entry goes in one frame. */
const MAX_FRAME_TICKS = 512;

/** Pending entries: those added since the last `clear()`, numbered from 0. */
export class PendingEntries {
  #entries: PendingEntry[] = [];
  readonly #positions: Record<CodecName, { entry: number; element: Buffer } | undefined> = {
    json: undefined,
    msgpack: undefined,
  };

  /** @returns its number */
  add(entry: PendingEntry): number {
    return this.#entries.push(entry) - 1;
  }

  clear(): void {
    this.#entries = [];
    this.#positions.json = this.#positions.msgpack = undefined;
  }

  /** All ticks from an entry on. */
  all(fromEntry: number): PendingPart[] {
    const parts: PendingPart[] = [];
    let first = fromEntry;
    for (let last = fromEntry; last < this.#entries.length; last++) {
      const next = this.#entries[last + 1];
      const fromRow = this.#entries[first]?.fromRow ?? 0;
      if (next !== undefined && next.toRow - fromRow <= MAX_FRAME_TICKS) continue;
      parts.push(this.#part(first, last, undefined));
      first = last + 1;
    }
    return parts;
  }

  /** These rows, which are of entries from `fromEntry` on. */
  of(rows: RowList, fromEntry: number): PendingPart[] {
    if (rows.length <= MAX_FRAME_TICKS) return [this.#part(fromEntry, this.#entries.length - 1, rows)];
    const parts: PendingPart[] = [];
    let first = fromEntry;
    let from = 0;
    let to = 0;
    for (let last = fromEntry; last < this.#entries.length; last++) {
      const before = to;
      const end = this.#entries[last]?.toRow ?? 0;
      while (to < rows.length && rows.at(to) < end) to += 1;
      if (to - from > MAX_FRAME_TICKS && before > from) {
        parts.push(this.#part(first, last - 1, rows.slice(from, before)));
        first = last;
        from = before;
      }
    }
    parts.push(this.#part(first, this.#entries.length - 1, rows.slice(from)));
    return parts;
  }

  /** The `pos` element after an entry; undefined where its cursor is not known. */
  position(entry: number, codec: CodecName): Buffer | undefined {
    const known = this.#positions[codec];
    if (known?.entry === entry) return known.element;
    const cursor = this.#entries[entry]?.cursor;
    if (cursor === undefined) return undefined;
    const element = positionElement(codec, formatResumeToken(cursor));
    this.#positions[codec] = { entry, element };
    return element;
  }

  #part(first: number, last: number, rows: RowList | undefined): PendingPart {
    const from = this.#entries[first];
    const to = this.#entries[last];
    return {
      rows,
      fromRow: from?.fromRow ?? 0,
      toRow: to?.toRow ?? 0,
      lastEntry: last,
      fromMs: from?.acceptedAtMs ?? 0,
      toMs: to?.acceptedAtMs ?? 0,
    };
  }
}
