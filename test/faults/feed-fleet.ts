import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { FeedChildOptions } from './feed-child.ts';
import { ManagedProcess } from './managed-process.ts';
import { type FeedProgress, readProgress } from './regenerating-journal.ts';

const Told = z.object({
  feed: z.string(),
  state: z.string().optional(),
  committed: z.number().optional(),
  refused: z.string().optional(),
});

export interface FleetOptions extends Omit<FeedChildOptions, 'feeds'> {
  readonly folder: string;
  /** Of compilePrograms(). */
  readonly programs: string;
  /** Begins every feed's name. */
  readonly prefix: string;
  readonly processes: number;
  readonly feedsAProcess: number;
}

/** What the fleet tells whoever checks. */
export interface FleetListener {
  onCommitted(feed: string, seq: number): void;
  onOpened(feed: string): void;
  onSurprise(what: string): void;
}

interface Member {
  readonly process: ManagedProcess;
  readonly feeds: readonly string[];
}

const PROGRESS_POLL_MS = 20;

/** The feeds of a fault test: some processes, each with some feeds, under steady load. */
export class FeedFleet implements AsyncDisposable {
  readonly members: readonly Member[];
  readonly feeds: readonly string[];
  readonly ticksAFrame: number;
  readonly #folder: string;
  readonly #instances = new Map<string, number>();
  readonly #options: FleetOptions;
  readonly #listener: FleetListener;

  constructor(options: FleetOptions, listener: FleetListener) {
    this.#options = options;
    this.#folder = options.folder;
    this.#listener = listener;
    this.ticksAFrame = options.ticksAFrame;
    this.members = Array.from({ length: options.processes }, (_, at) => {
      const feeds = Array.from({ length: options.feedsAProcess }, (__, n) => `${options.prefix}${at}${n}`);
      return { feeds, process: this.#processFor(`feeds-${options.prefix}${at}`, feeds) };
    });
    this.feeds = this.members.flatMap((member) => member.feeds);
  }

  async start(): Promise<void> {
    await Promise.all(this.members.map((member) => member.process.start()));
  }

  progress(feed: string): FeedProgress {
    return readProgress(this.#journal(feed));
  }

  /** Where every feed stands now: the newest frame it took responsibility for. */
  sent(): Map<string, number> {
    return new Map(this.feeds.map((feed) => [feed, this.progress(feed).last]));
  }

  /** Begins or ends making new frames; what was made is still sent until it is committed. */
  generate(generate: boolean): void {
    for (const { process } of this.members) process.send({ generate });
  }

  /** Waits until every feed was told that what `upTo` names is committed. @throws {Error} naming who was not in time */
  async whenCommitted(upTo: ReadonlyMap<string, number>, limitMs: number): Promise<void> {
    const endMs = Date.now() + limitMs;
    for (;;) {
      const behind = [...upTo].filter(([feed, seq]) => this.progress(feed).committed < seq);
      if (behind.length === 0) return;
      if (Date.now() > endMs) {
        const detail = behind.map(([feed, seq]) => `${feed}: ${this.progress(feed).committed} of ${seq}`).join(', ');
        throw new Error(`not committed within ${limitMs} ms: ${detail}`);
      }
      await sleep(PROGRESS_POLL_MS);
    }
  }

  /** SIGKILL and a new start with the same journals. */
  async restart(at: number): Promise<void> {
    const member = this.members[at % this.members.length];
    await member?.process.kill();
    await member?.process.start();
  }

  /** SIGKILL, and a new start without the journals: other instances, which know nothing of the old ones. */
  async restartWithoutJournals(at: number): Promise<void> {
    const member = this.members[at % this.members.length];
    if (member === undefined) return;
    await member.process.kill();
    for (const feed of member.feeds) {
      this.#instances.set(feed, (this.#instances.get(feed) ?? 0) + 1);
      rmSync(this.#journal(feed), { force: true });
    }
    member.process.args = this.#argsFor(member.feeds);
    await member.process.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.members.map((member) => member.process.kill()));
  }

  #journal(feed: string): string {
    return join(this.#folder, `journal-${feed}`);
  }

  #argsFor(feeds: readonly string[]): string[] {
    const { url, token, ticksAFrame, ticksASecond, graceFrames, graceMs } = this.#options;
    const options: FeedChildOptions = {
      url,
      token,
      ticksAFrame,
      ticksASecond,
      graceFrames,
      graceMs,
      feeds: feeds.map((feed) => ({ name: feed, instance: this.#instance(feed), journal: this.#journal(feed) })),
    };
    return [join(this.#options.programs, 'test/faults/feed-child.js'), JSON.stringify(options)];
  }

  #processFor(name: string, feeds: readonly string[]): ManagedProcess {
    return new ManagedProcess(
      {
        name,
        args: this.#argsFor(feeds),
        env: {},
        logFile: join(this.#folder, `${name}.log`),
        onMessage: (message) => this.#onMessage(Told.parse(message)),
      },
      (what) => this.#listener.onSurprise(what),
    );
  }

  #instance(feed: string): string {
    return `${feed}-journal-${this.#instances.get(feed) ?? 0}`;
  }

  #onMessage({ feed, state, committed, refused }: z.infer<typeof Told>): void {
    if (state === 'open') this.#listener.onOpened(feed);
    if (committed !== undefined) this.#listener.onCommitted(feed, committed);
    if (refused !== undefined) this.#listener.onSurprise(`feed ${feed} needs a human: ${refused}`);
  }
}
