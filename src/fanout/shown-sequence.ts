import { BadFrameError } from '../protocol/bad-frame-error.ts';
import type { LiveMessage } from '../protocol/live-message.ts';
import { decodeStreamEntry, type StreamEntry } from '../protocol/stream-entry.ts';
import type { TailEntry, TailPage } from './fanout-ports.ts';
import { FIRST_ID, idMillis, NO_STREAM, runMark, type StreamPlace } from './stream-place.ts';

/** An entry that dashboards see, not decoded. */
export interface RawShownEntry {
  readonly id: string;
  readonly shown: number;
  /** Frames with seq ≤ published have been shown before, and are not shown again. */
  readonly published: number;
  readonly data: Buffer;
}

export interface ShownEntry extends RawShownEntry {
  readonly entry: StreamEntry;
}

/** Entries that were accepted after `fromMs` and up to `toMs` (Redis's clock) and cannot be had any more. */
export interface Hole {
  readonly fromMs: number | undefined;
  readonly toMs: number | undefined;
}

export type SequenceStep =
  | { readonly kind: 'entry'; readonly entry: ShownEntry }
  | { readonly kind: 'hole'; readonly hole: Hole }
  /** An entry that is not shown (a backfill, or frames shown before). */
  | { readonly kind: 'unshown'; readonly entry: StreamEntry };

export interface PageOutcome {
  readonly steps: readonly SequenceStep[];
  /** `end`: the stream holds no more. `again`: it is another stream, to be read from its start. */
  readonly next: 'more' | 'end' | 'again';
}

/**
 * The shown entries of the stream in their order, whether pub/sub or a reading of the stream brings them: each once,
 * and a missing one is noticed by its number. Pure.
 */
export class ShownSequence {
  #run: string | undefined;
  #incarnation: string | undefined;
  #id: string | undefined;
  /** Time of the last shown entry. */
  #shownMs: number | undefined;
  /** Undefined: any number may come next. */
  #shown: number | undefined;
  /** Whether what other streams held may have been missed on the way here. */
  #mayHaveMissed = false;

  constructor(place?: StreamPlace) {
    if (place === undefined) return;
    this.#run = place.run;
    this.#incarnation = place.incarnation === NO_STREAM ? undefined : place.incarnation;
    this.#id = place.id;
    this.#shown = place.shown;
    this.#shownMs = idMillis(place.id);
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
  get place(): StreamPlace | undefined {
    if (this.#run === undefined || this.#shown === undefined) return undefined;
    const incarnation = this.#incarnation ?? NO_STREAM;
    return { run: this.#run, incarnation, id: this.#id ?? FIRST_ID, shown: this.#shown };
  }

  /** Whether a page read from here shows that nothing has been missed. */
  agreesWith(page: TailPage): boolean {
    const isSame = page.incarnation === this.#incarnation && runMark(page.run) === this.#run;
    return isSame && page.shown === this.#shown;
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
   * Judges a message of the live channel.
   * @returns the entry if it is the next one; `known` if it has been seen; `hole` if the stream must be read first
   */
  takeMessage(message: LiveMessage): ShownEntry | 'known' | 'hole' {
    if (message.incarnation !== this.#incarnation || this.#shown === undefined) return 'hole';
    if (message.shown <= this.#shown) return 'known';
    if (message.shown !== this.#shown + 1) return 'hole';
    this.#moveTo(message);
    return message;
  }

  /** Takes an entry that is known to be the next one. */
  advance(entry: RawShownEntry): void {
    this.#moveTo(entry);
  }

  /** Takes a page that was read after {@link id}, where `asked` is how many entries were asked for. */
  takePage(page: TailPage, asked: number): PageOutcome {
    const run = runMark(page.run);
    const steps: SequenceStep[] = [];
    if (page.incarnation !== this.#incarnation || run !== this.#run) {
      const isKnownStream = page.incarnation === this.#incarnation && page.incarnation !== undefined;
      // Where there was no stream there was nothing to miss: its successor is judged by its numbers.
      const isUnseenEnd = this.#mayHaveMissed && this.#incarnation !== undefined;
      if (this.#shown !== undefined && (isUnseenEnd || run !== this.#run)) steps.push(this.#hole(undefined));
      const hadId = this.#id !== undefined;
      this.#run = run;
      this.#incarnation = page.incarnation;
      if (isKnownStream) {
        // The same stream under a restarted server: its end may have been lost, and its numbers with it.
        this.#shown = undefined;
      } else {
        this.#shown = this.#shown === undefined ? undefined : 0;
        this.#id = undefined;
        if (hadId) return { steps, next: 'again' };
      }
    }
    for (const entry of page.entries) this.#takeEntry(entry, steps);
    if (page.entries.length >= asked) return { steps, next: 'more' };
    if (this.#shown !== undefined && this.#shown !== page.shown) steps.push(this.#hole(undefined));
    this.#shown = page.shown;
    return { steps, next: 'end' };
  }

  #takeEntry(raw: TailEntry, steps: SequenceStep[]): void {
    const entry = decodeEntry(raw);
    if (raw.shown === 0 || entry === undefined) {
      this.#id = raw.id;
      if (entry !== undefined) steps.push({ kind: 'unshown', entry });
      return;
    }
    if (this.#shown !== undefined && raw.shown <= this.#shown) {
      this.#id = raw.id;
      return;
    }
    if (this.#shown !== undefined && raw.shown !== this.#shown + 1) steps.push(this.#hole(raw.id));
    this.#moveTo(raw);
    const { id, shown, published, data } = raw;
    steps.push({ kind: 'entry', entry: { id, shown, published, data, entry } });
  }

  #moveTo(entry: { readonly id: string; readonly shown: number }): void {
    this.#id = entry.id;
    this.#shown = entry.shown;
    this.#shownMs = idMillis(entry.id);
  }

  #hole(toId: string | undefined): SequenceStep {
    return {
      kind: 'hole',
      hole: { fromMs: this.#shownMs, toMs: toId === undefined ? undefined : idMillis(toId) },
    };
  }
}

/** Undefined for an entry that cannot be read: nobody can show it, and its number will be missing. */
export function decodeEntry(raw: Pick<TailEntry, 'data'>): StreamEntry | undefined {
  try {
    return decodeStreamEntry(raw.data);
  } catch (error) {
    if (error instanceof BadFrameError) return undefined;
    throw error;
  }
}
