import { BadFrameError } from '../../market/bad-frame-error.ts';
import type { LiveEntry, LiveMessage, RawLiveEntry } from '../../stream/live-message.ts';
import { FIRST_ID, idMillis, NO_STREAM, runPrefix, type StreamCursor } from '../../stream/stream-cursor.ts';
import { decodeStreamEntry, type StreamEntry } from '../../stream/stream-entry.ts';
import type { TailEntry, TailPage } from '../../stream/stream-tail.ts';

/** Entries that were accepted after `fromMs` and up to `toMs` (Redis's clock) and cannot be had any more. */
export interface Gap {
  readonly fromMs: number | undefined;
  readonly toMs: number | undefined;
}

export type SequenceStep =
  | { readonly kind: 'entry'; readonly entry: LiveEntry }
  | { readonly kind: 'gap'; readonly gap: Gap }
  /** An entry that is not live: a backfill, or frames delivered before. */
  | { readonly kind: 'backfill'; readonly entry: StreamEntry };

export interface PageOutcome {
  readonly steps: readonly SequenceStep[];
  /** `end`: the stream holds no more. `again`: it is another stream, to be read from its start. */
  readonly next: 'more' | 'end' | 'again';
}

/**
 * Live sequence: the live entries of the stream in their order, whether pub/sub or a reading of the stream brings them.
 * Each comes once, and a missing one is noticed by its number. Pure.
 */
export class LiveSequence {
  #run: string | undefined;
  #streamId: string | undefined;
  #id: string | undefined;
  /** Time of the last live entry. */
  #liveMs: number | undefined;
  /** Undefined: any number may come next. */
  #liveSeq: number | undefined;
  /** Whether entries of other streams may have been missed on the way here. */
  #mayHaveMissed = false;

  constructor(cursor?: StreamCursor) {
    if (cursor === undefined) return;
    this.#run = cursor.run;
    this.#streamId = cursor.streamId === NO_STREAM ? undefined : cursor.streamId;
    this.#id = cursor.id;
    this.#liveSeq = cursor.liveSeq;
    this.#liveMs = idMillis(cursor.id);
    this.#mayHaveMissed = true;
  }

  /** Id to read after; undefined: from the stream's start. */
  get id(): string | undefined {
    return this.#id;
  }

  get run(): string | undefined {
    return this.#run;
  }

  /** Undefined before the first stream is known. */
  get cursor(): StreamCursor | undefined {
    if (this.#run === undefined || this.#liveSeq === undefined) return undefined;
    const streamId = this.#streamId ?? NO_STREAM;
    return { run: this.#run, streamId, id: this.#id ?? FIRST_ID, liveSeq: this.#liveSeq };
  }

  /** Cursor right after an entry that has been taken and belongs to the present stream. */
  cursorAfter({ id, liveSeq }: RawLiveEntry): StreamCursor {
    return { run: this.#run ?? '', streamId: this.#streamId ?? NO_STREAM, id, liveSeq };
  }

  /** Whether a page read from here proves that nothing has been missed. */
  agreesWith(page: TailPage): boolean {
    const isSame = page.streamId === this.#streamId && runPrefix(page.run) === this.#run;
    return isSame && page.liveSeq === this.#liveSeq;
  }

  /** The subscription was lost: another stream found after this has followed one that was not seen to its end. */
  interrupted(): void {
    this.#mayHaveMissed = true;
  }

  /** Everything has been seen up to this moment. */
  continuous(): void {
    this.#mayHaveMissed = false;
  }

  /**
   * Takes a message of the live channel.
   * @returns the entry if it is the next one; `known` if it has been seen; `gap` if the stream must be read first
   */
  takeMessage(message: LiveMessage): LiveEntry | 'known' | 'gap' {
    if (message.streamId !== this.#streamId || this.#liveSeq === undefined) return 'gap';
    if (message.liveSeq <= this.#liveSeq) return 'known';
    if (message.liveSeq !== this.#liveSeq + 1) return 'gap';
    this.#moveTo(message);
    return message;
  }

  /** Takes an entry that is known to be the next one. */
  advance(entry: RawLiveEntry): void {
    this.#moveTo(entry);
  }

  /** Takes a page that was read after {@link id}, where `asked` is how many entries were asked for. */
  takePage(page: TailPage, asked: number): PageOutcome {
    const run = runPrefix(page.run);
    const steps: SequenceStep[] = [];
    if (page.streamId !== this.#streamId || run !== this.#run) {
      const isKnownStream = page.streamId === this.#streamId && page.streamId !== undefined;
      // Where there was no stream there was nothing to miss: its successor is checked by its numbers.
      const isUnseenEnd = this.#mayHaveMissed && this.#streamId !== undefined;
      if (this.#liveSeq !== undefined && (isUnseenEnd || run !== this.#run)) steps.push(this.#gap(undefined));
      const hadId = this.#id !== undefined;
      this.#run = run;
      this.#streamId = page.streamId;
      if (isKnownStream) {
        // The same stream under a restarted server: its end may have been lost, and its numbers with it.
        this.#liveSeq = undefined;
      } else {
        this.#liveSeq = this.#liveSeq === undefined ? undefined : 0;
        this.#id = undefined;
        if (hadId) return { steps, next: 'again' };
      }
    }
    for (const entry of page.entries) this.#takeEntry(entry, steps);
    if (page.entries.length >= asked) return { steps, next: 'more' };
    if (this.#liveSeq !== undefined && this.#liveSeq !== page.liveSeq) steps.push(this.#gap(undefined));
    this.#liveSeq = page.liveSeq;
    return { steps, next: 'end' };
  }

  #takeEntry(raw: TailEntry, steps: SequenceStep[]): void {
    const entry = decodeEntry(raw);
    if (raw.liveSeq === 0 || entry === undefined) {
      this.#id = raw.id;
      if (entry !== undefined) steps.push({ kind: 'backfill', entry });
      return;
    }
    if (this.#liveSeq !== undefined && raw.liveSeq <= this.#liveSeq) {
      this.#id = raw.id;
      return;
    }
    if (this.#liveSeq !== undefined && raw.liveSeq !== this.#liveSeq + 1) steps.push(this.#gap(raw.id));
    this.#moveTo(raw);
    const { id, liveSeq, shownUpTo, data } = raw;
    steps.push({ kind: 'entry', entry: { id, liveSeq, shownUpTo, data, entry } });
  }

  #moveTo(entry: { readonly id: string; readonly liveSeq: number }): void {
    this.#id = entry.id;
    this.#liveSeq = entry.liveSeq;
    this.#liveMs = idMillis(entry.id);
  }

  #gap(toId: string | undefined): SequenceStep {
    return {
      kind: 'gap',
      gap: { fromMs: this.#liveMs, toMs: toId === undefined ? undefined : idMillis(toId) },
    };
  }
}

/** Decodes an entry. @returns undefined for one that cannot be read: it is never delivered, and its number is a gap */
export function decodeEntry(raw: Pick<TailEntry, 'data'>): StreamEntry | undefined {
  try {
    return decodeStreamEntry(raw.data);
  } catch (error) {
    if (error instanceof BadFrameError) return undefined;
    throw error;
  }
}
