import type { CoordinatorBuffer } from '../../src/flush/coordinator-ports.ts';
import { decodeFlushNotice, type FlushNotice } from '../../src/stream/flush-notice.ts';
import { type EntryFrame, encodeStreamEntry } from '../../src/stream/stream-entry.ts';
import type { StaleEntry } from '../../src/stream/stale-entry.ts';

type Entry = Awaited<ReturnType<CoordinatorBuffer['read']>>['entries'][number];
type State = Awaited<ReturnType<CoordinatorBuffer['feedStates']>>[number];

/** Calls of the port that a test can make fail. */
export type BufferCall = 'read' | 'pendingTicks' | 'knownFeeds' | 'feedStates' | 'invalidate' | 'trim' | 'publishFlush';

export interface TrimCall {
  readonly streamId: string;
  readonly handled: number;
  readonly committed: readonly string[];
  readonly stale: readonly StaleEntry[];
}

/** A stream in memory, with states of feeds beside it. */
export class FakeBuffer implements CoordinatorBuffer {
  isUp = true;
  run = 'run-1';
  streamId: string | undefined = 'stream-1';
  entries: Entry[] = [];
  handled = 0;
  readonly states: Map<string, NonNullable<State>> = new Map();
  readonly reads: Array<{ readonly cursor: string | undefined; readonly maxEntries: number }> = [];
  readonly trims: TrimCall[] = [];
  readonly notices: FlushNotice[] = [];
  readonly invalidated: string[] = [];
  readonly forgotten: string[] = [];
  failing: BufferCall | undefined;
  /** Runs before each call is answered. */
  onCall: (call: BufferCall) => void = () => undefined;
  #nextId = 1;
  #total = 0;

  /** Appends an entry. @returns its id */
  append(
    frames: readonly EntryFrame[],
    { feed = 'f', generation = 'G' }: { readonly feed?: string; readonly generation?: string } = {},
  ): string {
    const id = `${this.#nextId++}-0`;
    for (const frame of frames) this.#total += frame.count;
    const data = encodeStreamEntry({ feed, writer: 'A', live: true, acceptedAtMs: 0, frames });
    this.entries.push({ id, feed, generation, total: this.#total, data });
    return id;
  }

  async read(cursor: string | undefined, maxEntries: number): ReturnType<CoordinatorBuffer['read']> {
    this.reads.push({ cursor, maxEntries });
    this.#begin('read');
    const { run, streamId } = this;
    const after = cursor === undefined ? 0 : Number.parseInt(cursor, 10);
    const entries = this.entries.filter(({ id }) => Number.parseInt(id, 10) > after).slice(0, maxEntries);
    return { run, streamId, entries, pendingTicks: this.#total - this.handled };
  }

  async pendingTicks(): Promise<number> {
    this.#begin('pendingTicks');
    return this.#total - this.handled;
  }

  async knownFeeds(): Promise<string[]> {
    this.#begin('knownFeeds');
    return [...this.states.keys()];
  }

  async feedStates(feeds: readonly string[]): Promise<State[]> {
    this.#begin('feedStates');
    return feeds.map((feed) => this.states.get(feed));
  }

  async invalidate(feed: string, run: string, generation: string): Promise<boolean> {
    this.#begin('invalidate');
    const state = this.states.get(feed);
    if (state?.run !== run || state.generation !== generation) return false;
    this.states.delete(feed);
    this.invalidated.push(feed);
    return true;
  }

  async forget(feed: string): Promise<void> {
    this.forgotten.push(feed);
    this.states.delete(feed);
  }

  async trim(
    streamId: string,
    handled: number,
    committed: readonly string[],
    stale: readonly StaleEntry[],
  ): Promise<string[] | undefined> {
    this.trims.push({ streamId, handled, committed, stale });
    this.#begin('trim');
    if (streamId !== this.streamId) return undefined;
    this.handled = Math.max(this.handled, handled);
    const removed = stale.filter(({ feed, generation }) => {
      const state = this.states.get(feed);
      return state !== undefined && state.generation !== generation;
    });
    const gone = new Set([...committed, ...removed.map(({ id }) => id)]);
    this.entries = this.entries.filter(({ id }) => !gone.has(id));
    return removed.map(({ id }) => id);
  }

  async publishFlush(notice: Buffer): Promise<void> {
    this.#begin('publishFlush');
    this.notices.push(decodeFlushNotice(notice));
  }

  #begin(call: BufferCall): void {
    this.onCall(call);
    if (this.failing === call) throw new Error(`${call} failed`);
  }
}
