export type Server = 'redis' | 'database' | 'none';

/** A service did not do, or did not answer, what it was asked: the only kind of error that a process may handle. */
export class ServiceFailure extends Error {
  override readonly name = 'ServiceFailure';
  readonly server: Server;
  /** False where it is certain that nothing was done. */
  readonly mayBeDone: boolean;

  constructor(server: Server, mayBeDone: boolean) {
    super(`${server}: ${mayBeDone ? 'no answer' : 'refused'}`);
    this.server = server;
    this.mayBeDone = mayBeDone;
  }
}

/** One request to a server, on its way: done there at one step, answered at a later one, or lost in between. */
export class Call<T> {
  readonly server: Server;
  readonly what: string;
  readonly #run: () => T;
  readonly #isReady: (() => boolean) | undefined;
  #answer: T | undefined;
  #failure: ServiceFailure | undefined;
  isDone = false;

  constructor(server: Server, what: string, run: () => T, isReady?: () => boolean) {
    this.server = server;
    this.what = what;
    this.#run = run;
    this.#isReady = isReady;
  }

  /** False while it waits, for a row lock say. */
  get isReady(): boolean {
    return this.#isReady === undefined || this.#isReady();
  }

  /** Runs at the server. A refusal by the server is an answer too. */
  execute(): void {
    this.isDone = true;
    try {
      this.#answer = this.#run();
    } catch (error) {
      if (!(error instanceof ServiceFailure)) throw error;
      this.#failure = error;
    }
  }

  answer(): T {
    if (this.#failure !== undefined) throw this.#failure;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- set by execute(), which comes first
    return this.#answer as T;
  }
}

/** A process written as it would run, that stops wherever another may come between. */
export type Job = Generator<Call<unknown>, void, void>;

export function* ask<T>(
  server: Server,
  what: string,
  run: () => T,
  isReady?: () => boolean,
): Generator<Call<unknown>, T, void> {
  const call = new Call(server, what, run, isReady);
  yield call;
  return call.answer();
}

/** A job under way. */
export class Task {
  readonly owner: string;
  readonly #job: Job;
  pending: Call<unknown> | undefined;

  constructor(owner: string, job: Job) {
    this.owner = owner;
    this.#job = job;
    this.#advance(job.next());
  }

  get isEnded(): boolean {
    return this.pending === undefined;
  }

  /** The answer arrives. */
  resume(): void {
    this.#advance(this.#job.next());
  }

  /** The asking side learns nothing: connection lost, time-out. */
  fail(failure: ServiceFailure): void {
    this.#advance(this.#job.throw(failure));
  }

  #advance(step: IteratorResult<Call<unknown>, void>): void {
    this.pending = step.done === true ? undefined : step.value;
  }
}
