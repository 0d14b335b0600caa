import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { PROJECT_ROOT } from './compiled-programs.ts';

export interface ProcessOptions {
  readonly name: string;
  /** The compiled program and its arguments. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Everything it prints, over all its lives. */
  readonly logFile: string;
  /** Its log says so when it is ready; without it a start is ready at once. */
  readonly readyWhen?: RegExp;
  /** Called for messages it sends us. */
  readonly onMessage?: (message: unknown) => void;
}

const READY_LIMIT_MS = 60_000;
const END_LIMIT_MS = 30_000;
const POLL_MS = 25;
/** What no log may hold, whatever was done to the process. */
const BROKEN =
  /unhandledRejection|uncaughtException|UnhandledPromiseRejection|unexpected error|"stage":"\w+".*invariant/;

/** One of the deployment's processes: killed, stopped and started again at will, with one log over all its lives. */
export class ManagedProcess implements AsyncDisposable {
  readonly name: string;
  readonly #options: ProcessOptions;
  readonly #onSurprise: (what: string) => void;
  #child: ChildProcess | undefined;
  #endExpected = false;
  /** Of the next start. */
  args: readonly string[];

  /** @param onSurprise told when it ends though nobody asked for it */
  constructor(options: ProcessOptions, onSurprise: (what: string) => void) {
    this.name = options.name;
    this.#options = options;
    this.args = options.args;
    this.#onSurprise = onSurprise;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts it and waits until its log says that it is ready. `env` is added for this life. */
  async start(env: Readonly<Record<string, string>> = {}): Promise<void> {
    if (this.isRunning) return;
    this.#endExpected = false;
    const from = this.log().length;
    const { readyWhen } = this.#options;
    const out = openSync(this.#options.logFile, 'a');
    // Dies with us, however we die.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', process.execPath, ...this.args], {
      cwd: PROJECT_ROOT,
      env: { ...process.env, ...this.#options.env, ...env },
      stdio: ['ignore', out, out, this.#options.onMessage === undefined ? 'ignore' : 'ipc'],
    });
    closeSync(out);
    this.#child = child;
    if (this.#options.onMessage !== undefined) child.on('message', this.#options.onMessage);
    child.on('error', () => undefined);
    child.once('exit', (code, signal) => {
      if (!this.#endExpected) this.#onSurprise(`${this.name} ended by itself (${signal ?? `code ${String(code)}`})`);
    });
    if (readyWhen === undefined) return;
    const endMs = Date.now() + READY_LIMIT_MS;
    while (!readyWhen.test(this.log().slice(from))) {
      if (this.#endExpected) return;
      if (!this.isRunning || Date.now() > endMs) {
        throw new Error(`${this.name} did not get ready:\n${this.log().slice(from).slice(-2_000)}`);
      }
      await sleep(POLL_MS);
    }
  }

  send(message: unknown): void {
    if (this.#child?.connected === true) this.#child.send({ message }, () => undefined);
  }

  /** SIGKILL, and waits for the end. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** SIGKILL without waiting: for a watcher that must act at once. */
  killNow(): void {
    this.#endExpected = true;
    this.#child?.kill('SIGKILL');
  }

  /** SIGTERM, and waits for the orderly end. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  pause(): void {
    if (this.isRunning) this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    if (this.isRunning) this.#child?.kill('SIGCONT');
  }

  /** Resident memory in MiB. */
  rssMb(): number {
    try {
      return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024;
    } catch {
      return 0;
    }
  }

  /** Everything it has printed. */
  log(): string {
    try {
      return readFileSync(this.#options.logFile, 'utf8');
    } catch {
      return '';
    }
  }

  /** A line of its log that no fault excuses. */
  brokenLine(): string | undefined {
    return this.log()
      .split('\n')
      .find((line) => BROKEN.test(line));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#endExpected = true;
    if (child === undefined || !this.isRunning) return;
    const ended = once(child, 'exit');
    // A stopped process hears SIGTERM only when it goes on.
    child.kill(signal);
    child.kill('SIGCONT');
    const hard = setTimeout(() => {
      this.#onSurprise(`${this.name} did not end within ${END_LIMIT_MS / 1_000} s of ${signal}`);
      child.kill('SIGKILL');
    }, END_LIMIT_MS);
    await ended;
    clearTimeout(hard);
  }
}
