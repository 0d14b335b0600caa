import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { FeedCounts } from './feed-load.ts';
import type { FeedEffort, FeedReport, FeedProgress, FromFeedProcess, ToFeedProcess } from './feed-process-messages.ts';
import type { LoadClock } from './load-clock.ts';
import type { LoadPlan } from './load-plan.ts';
import { SentTally } from './sent-tally.ts';

/** From the sources or compiled, as this module. */
const PROGRAM = new URL(import.meta.url.endsWith('.ts') ? './feed-process.ts' : './feed-process.js', import.meta.url);

type Kind = FromFeedProcess['kind'];
type MessageOf<Each extends Kind> = Extract<FromFeedProcess, { kind: Each }>;

/** The feeds of a load test, seen from beside their process (feed-process.ts). */
export class ForkedFeeds implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #takers = new Map<Kind, (message: FromFeedProcess) => void>();
  readonly #opened: Promise<unknown>;
  /** Rejects when nothing more will come. */
  readonly #over: Promise<never>;
  #end: (error: Error) => void = () => undefined;
  #state: FeedProgress = { counts: { sentFrames: 0, ackedFrames: 0, committedFrames: 0 }, failure: undefined };
  #sent: SentTally;
  #effort: FeedEffort = { busyShare: 0, cpuSeconds: 0 };

  constructor(plan: LoadPlan, run: string, clock: LoadClock) {
    this.#sent = new SentTally(plan.symbols);
    this.#over = new Promise((_resolve, reject) => (this.#end = reject));
    this.#over.catch(() => undefined);
    this.#child = fork(fileURLToPath(PROGRAM), { serialization: 'advanced' });
    this.#child.on('error', (error) => this.#fail(error));
    this.#child.on('exit', (code, signal) => {
      this.#fail(new Error(`the process of the feeds ended with ${signal ?? code ?? 'nothing said'}`));
    });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- feed-process.ts of the same program sends it
    this.#child.on('message', (message) => this.#take(message as FromFeedProcess));
    this.#opened = this.#open({ kind: 'open', plan, run, originMs: clock.originMs });
    this.#opened.catch(() => undefined);
  }

  /** Of the process. @throws {Error} where it could not be started */
  get pid(): number {
    if (this.#child.pid === undefined) throw this.failure ?? new Error('the process of the feeds did not start');
    return this.#child.pid;
  }

  /** Why the feeds could not go on, if so. */
  get failure(): Error | undefined {
    return this.#state.failure === undefined ? undefined : new Error(this.#state.failure);
  }

  /** Ticks sent; known when {@link run} has returned. */
  get sent(): SentTally {
    return this.#sent;
  }

  /** Processor time that {@link run} took. */
  get effort(): FeedEffort {
    return this.#effort;
  }

  /** As it was some milliseconds ago. */
  counts(): FeedCounts {
    return this.#state.counts;
  }

  /** @throws {Error} when the gateway will not have a feed */
  async opened(): Promise<void> {
    await this.#opened;
  }

  /** Sends every frame at its time; see FeedLoad. @throws {Error} when the process is gone */
  async run(startMs: number, signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#tell({ kind: 'stop' });
    const ended = this.#next('ended');
    this.#tell({ kind: 'run', startMs });
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop);
    try {
      const { state, sent, effort } = await ended;
      this.#state = state;
      this.#sent = SentTally.from(sent);
      this.#effort = effort;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  async report(): Promise<FeedReport> {
    const answer = this.#next('report');
    this.#tell({ kind: 'report' });
    return (await answer).report;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined) return;
    const exit = once(this.#child, 'exit');
    if (this.#child.connected) this.#child.disconnect();
    await exit;
  }

  async #open(task: ToFeedProcess): Promise<void> {
    const opened = this.#next('opened');
    opened.catch(() => undefined);
    await this.#next('ready');
    this.#tell(task);
    await opened;
  }

  #tell(message: ToFeedProcess): void {
    if (this.#child.connected) this.#child.send(message);
  }

  #take(message: FromFeedProcess): void {
    if (message.kind === 'state') this.#state = message.state;
    if (message.kind === 'failed') this.#fail(new Error(message.message));
    const taker = this.#takers.get(message.kind);
    this.#takers.delete(message.kind);
    taker?.(message);
  }

  async #next<Each extends Kind>(kind: Each): Promise<MessageOf<Each>> {
    const isOfKind = (message: FromFeedProcess): message is MessageOf<Each> => message.kind === kind;
    const coming = new Promise<MessageOf<Each>>((resolve) => {
      this.#takers.set(kind, (message) => void (isOfKind(message) && resolve(message)));
    });
    return Promise.race([coming, this.#over]);
  }

  #fail(error: Error): void {
    this.#state = { ...this.#state, failure: this.#state.failure ?? error.message };
    this.#end(error);
  }
}
