import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { killTree, processTree, signalAll } from '../../src/stack/process-tree.ts';
import { startProgram, stopServer, waitUntilReady, type RootProgram } from '../../src/stack/server-process.ts';
import { StackError } from '../../src/stack/stack-error.ts';

export type ServerSettings = Readonly<Record<string, string>>;

/** What one kind of server is to the code below. */
export interface ServerKind {
  readonly name: 'redis' | 'postgres';
  readonly user: string;
  /** Lies in a data folder that has been made. */
  readonly madeFile: string;
  readonly stopSignal: NodeJS.Signals;
  /** Called before each start with the present settings. */
  readonly prepare: (visibleDataDir: string, port: number, settings: ServerSettings) => Promise<void>;
  readonly command: (port: number, settings: ServerSettings) => readonly string[];
  readonly answers: (port: number) => Promise<boolean>;
}

/**
 * A server of its own for one test: started, hurt and started again at will. It is killed when this process ends.
 * Disposing of it kills it and removes the data folder unless the caller named one.
 */
export class PrivateServer implements AsyncDisposable {
  readonly port: number;
  /** The data folder as this process sees it. */
  readonly dataDir: string;
  readonly logFile: string;
  readonly #kind: ServerKind;
  readonly #program: Omit<RootProgram, 'command'>;
  readonly #dispose: () => Promise<void>;
  #settings: ServerSettings;
  #child: ChildProcess | undefined;

  /** Use {@link startRedisServer} and {@link startPostgresServer}. */
  constructor(
    kind: ServerKind,
    program: Omit<RootProgram, 'command'>,
    options: {
      readonly port: number;
      readonly dataDir: string;
      readonly settings: ServerSettings;
      readonly dispose: () => Promise<void>;
    },
  ) {
    this.#kind = kind;
    this.#program = program;
    this.port = options.port;
    this.dataDir = options.dataDir;
    this.logFile = program.logFile;
    this.#settings = options.settings;
    this.#dispose = options.dispose;
  }

  /** The server's main process. @throws {StackError} when it doesn't run. */
  get pid(): number {
    const pid = this.#child?.exitCode === null && this.#child.signalCode === null ? this.#child.pid : undefined;
    if (pid === undefined)
      throw new StackError(`${this.#kind.name} on port ${this.port} is not running`, { remedy: 'start it' });
    return pid;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts it on the same port and data, and waits until it answers; `settings` are added to those it had. */
  async start(settings: ServerSettings = {}): Promise<void> {
    if (this.running) return;
    this.#settings = { ...this.#settings, ...settings };
    await this.#kind.prepare(this.dataDir, this.port, this.#settings);
    const program = { ...this.#program, command: this.#kind.command(this.port, this.#settings) };
    this.#child = startProgram(program);
    await waitUntilReady(program, this.#child.pid ?? 0, () => this.#kind.answers(this.port));
  }

  /** An orderly shutdown: what is in memory is written out. */
  async stop(): Promise<void> {
    await this.#end((pid) => stopServer(pid, this.#kind.stopSignal));
  }

  /** SIGKILL for all its processes at once, as in a power cut (the operating system's cache survives). */
  async kill(): Promise<void> {
    await this.#end(killTree);
  }

  /** SIGSTOP and SIGCONT go to all its processes, other signals to the main one. */
  signal(signal: NodeJS.Signals): void {
    const all = signal === 'SIGSTOP' || signal === 'SIGCONT';
    signalAll(all ? processTree(this.pid) : [this.pid], signal);
  }

  /** An orderly shutdown if it runs, and a start. */
  async restart(settings: ServerSettings = {}): Promise<void> {
    await this.stop();
    await this.start(settings);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.#dispose();
  }

  async #end(how: (pid: number) => Promise<void>): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    await how(child.pid);
    await ended;
    this.#child = undefined;
  }
}
