import type { Tick } from '../../../src/market/tick.ts';
import { encodeStreamEntry } from '../../../src/stream/stream-entry.ts';
import type { StreamTail, TailEntry, TailPage } from '../../../src/stream/stream-tail.ts';
import { entryOf } from '../entries.ts';

export interface AppendOptions {
  /** Whether it goes to dashboards; default true. */
  readonly isLive?: boolean;
  readonly shownUpTo?: number;
  readonly feed?: string;
  /** Default: the number of the entry. */
  readonly acceptedAtMs?: number;
  /** Bytes instead of an entry. */
  readonly data?: Buffer;
}

/** The stream as the append script keeps it, with the message that it publishes for each live entry. */
export class FakeStream implements StreamTail {
  /** Run id of the server. */
  run: string = 'a'.repeat(40);
  streamId: string | undefined;
  entries: TailEntry[] = [];
  liveSeq = 0;
  /** Ids that were read after. */
  readonly reads: Array<string | undefined> = [];
  /** Readings under way, and how many there were at once. */
  readings = 0;
  maxReadings = 0;
  /** Readings reject. */
  isAway = false;
  #appended = 0;
  #streams = 0;
  #held: Array<() => void> | undefined;

  /** The n-th entry ever gets the id `n-0`. @returns the message published; undefined where the entry is not live */
  append(
    ticks: readonly Tick[] = [],
    { isLive = true, shownUpTo = 0, feed, acceptedAtMs, data }: AppendOptions = {},
  ): Buffer | undefined {
    this.streamId ??= `stream${++this.#streams}`;
    const number = ++this.#appended;
    const entry = { ...entryOf(number, ticks, feed), live: isLive };
    const bytes = data ?? encodeStreamEntry(acceptedAtMs === undefined ? entry : { ...entry, acceptedAtMs });
    if (isLive) this.liveSeq += 1;
    this.entries.push({ id: `${number}-0`, data: bytes, shownUpTo, liveSeq: isLive ? this.liveSeq : 0 });
    if (!isLive) return undefined;
    return Buffer.concat([Buffer.from(`${number}-0 ${shownUpTo} ${this.liveSeq} ${this.streamId}\n`), bytes]);
  }

  /** Appends a live entry. @returns the message published */
  publish(ticks: readonly Tick[] = [], options: Omit<AppendOptions, 'isLive'> = {}): Buffer {
    return this.append(ticks, options) ?? Buffer.alloc(0);
  }

  wipe(): void {
    this.streamId = undefined;
    this.entries = [];
    this.liveSeq = 0;
  }

  /** Entries trimmed: from the front, or some out of the middle. */
  trim(at: number, count: number): void {
    this.entries.splice(at % (this.entries.length + 1), count);
  }

  /** Pages are made as asked for, and kept back. @returns lets them go */
  hold(): () => void {
    const held: Array<() => void> = [];
    this.#held = held;
    return () => {
      this.#held = undefined;
      for (const release of held) release();
    };
  }

  async read(after: string | undefined, maxEntries: number): Promise<TailPage> {
    this.reads.push(after);
    if (this.isAway) throw new Error('Redis is away');
    const page = this.page(after, maxEntries);
    this.readings += 1;
    this.maxReadings = Math.max(this.maxReadings, this.readings);
    await new Promise<void>((resolve) => (this.#held === undefined ? resolve() : this.#held.push(resolve)));
    this.readings -= 1;
    return page;
  }

  page(after: string | undefined, maxEntries: number): TailPage {
    const from = Number((after ?? '0-0').split('-')[0]);
    const entries = this.entries.filter(({ id }) => Number(id.split('-')[0]) > from).slice(0, maxEntries);
    return { run: this.run, streamId: this.streamId, liveSeq: this.liveSeq, entries };
  }
}
