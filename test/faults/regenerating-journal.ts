import { closeSync, existsSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { encodeFrame, type FeedFrame } from '../../clients/feed/feed-frame.ts';
import type { FeedJournal } from '../../clients/feed/feed-journal-port.ts';
import { frameContent } from './feed-content.ts';

/** What a feed of the fault tests has on disk: how far it got. Its content it can make again. */
export interface FeedProgress {
  /** Opens so far. */
  readonly attempt: number;
  /** Newest frame it took responsibility for: everything up to here must come out. */
  readonly last: number;
  /** Newest frame it was told committed. */
  readonly committed: number;
}

const SLOTS = 3;
const BYTES = SLOTS * 8;

/** Reads a feed's progress, from any process and after its death. */
export function readProgress(file: string): FeedProgress {
  const bytes = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
  const slot = (at: number): number => (bytes.length >= BYTES ? bytes.readDoubleLE(at * 8) : 0);
  return { attempt: slot(0), last: slot(1), committed: slot(2) };
}

/**
 * A journal for content that is a function of its number: a few bytes on disk, and after a SIGKILL the frames are
 * made again. The bytes lie in the operating system's cache, which a killed process doesn't take along.
 */
export class RegeneratingJournal implements FeedJournal {
  readonly instance: string;
  readonly #feed: string;
  readonly #ticksAFrame: number;
  readonly #graceFrames: number;
  readonly #file: number;
  readonly #slots = Buffer.alloc(BYTES);

  constructor(options: {
    readonly feed: string;
    readonly instance: string;
    readonly file: string;
    readonly ticksAFrame: number;
    /** Committed frames that it can still supply, for a database restored from a backup. */
    readonly graceFrames: number;
  }) {
    this.instance = options.instance;
    this.#feed = options.feed;
    this.#ticksAFrame = options.ticksAFrame;
    this.#graceFrames = options.graceFrames;
    const isNew = !existsSync(options.file);
    this.#file = openSync(options.file, isNew ? 'w+' : 'r+');
    if (!isNew) readSync(this.#file, this.#slots, 0, BYTES, 0);
  }

  get attempt(): number {
    return this.#slots.readDoubleLE(0);
  }

  get committedSeq(): number {
    return this.#slots.readDoubleLE(16);
  }

  *frames(): Generator<FeedFrame> {
    const last = this.#slots.readDoubleLE(8);
    const committed = this.#slots.readDoubleLE(16);
    for (let seq = Math.max(1, committed - this.#graceFrames + 1); seq <= last; seq++) {
      yield encodeFrame(seq, seq - 1, frameContent(this.#feed, seq, this.#ticksAFrame));
    }
  }

  keepAttempt(attempt: number): void {
    this.#write(0, attempt);
  }

  append(frame: FeedFrame): void {
    this.#write(1, frame.seq);
  }

  committed(seq: number): void {
    this.#write(2, seq);
  }

  async close(): Promise<void> {
    closeSync(this.#file);
    await Promise.resolve();
  }

  #write(slot: number, value: number): void {
    this.#slots.writeDoubleLE(value, slot * 8);
    writeSync(this.#file, this.#slots, slot * 8, 8, slot * 8);
  }
}
