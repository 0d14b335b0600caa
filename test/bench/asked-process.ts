import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { projectRoot } from '../../src/stack/ensure-stack.ts';

/** A program of this folder that runs as a process of its own and answers each message with one. */
export class AskedProcess implements AsyncDisposable {
  readonly #file: string;
  readonly #child: ChildProcess;

  private constructor(file: string, child: ChildProcess) {
    this.#file = file;
    this.#child = child;
  }

  /** Starts it and waits until it is ready. @throws {Error} when it ends instead */
  static async start(
    file: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>>,
    nodeFlags: readonly string[] = [],
  ): Promise<AskedProcess> {
    const child = fork(join(projectRoot(), 'test/bench', file), [...args], {
      execArgv: [...nodeFlags, '--import', 'tsx'],
      env: { ...process.env, ...environment },
    });
    const started = new AskedProcess(file, child);
    await started.#answer();
    return started;
  }

  /** @throws {Error} when the process ends before it answers, or answers with an `error` */
  async ask(message: object): Promise<unknown> {
    const answering = this.#answer();
    this.#child.send(message);
    const answer = await answering;
    if (typeof answer === 'object' && answer !== null && 'error' in answer) {
      throw new Error(`${this.#file}: ${String(answer.error)}`);
    }
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await gone;
  }

  async #answer(): Promise<unknown> {
    const waiting = new AbortController();
    const ended = once(this.#child, 'exit', { signal: waiting.signal }).then(() => {
      throw new Error(`${this.#file}: the process ended (${this.#child.signalCode ?? this.#child.exitCode})`);
    });
    ended.catch(() => undefined);
    try {
      const [answer]: unknown[] = await Promise.race([once(this.#child, 'message', { signal: waiting.signal }), ended]);
      return answer;
    } finally {
      waiting.abort();
    }
  }
}
