import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { TestContext } from '../../support/suite.ts';
import { findPython, type PythonSearch } from './find-python.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ADAPTER = fileURLToPath(new URL('../../../clients/python', import.meta.url));

let search: Promise<PythonSearch> | undefined;

/** The Python of this test file, or the end of the test as skipped. */
export async function requirePython(context: TestContext): Promise<string> {
  search ??= findPython();
  const found = await search;
  return 'python' in found ? found.python : context.skip(found.missing);
}

/** A Python script of this folder, run as a child with the adapter on its path. */
export class PythonProgram implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  readonly #exited: Promise<unknown>;
  readonly #said: string[] = [];
  #wake: (() => void) | undefined;
  #hasEnded = false;
  #errors = '';

  constructor(python: string, script: string, args: readonly string[] = []) {
    this.#child = spawn(python, ['-u', `${HERE}${script}`, ...args], {
      env: { ...process.env, PYTHONPATH: ADAPTER, PYTHONDONTWRITEBYTECODE: '1' },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const { stdout, stderr } = this.#child;
    if (stdout === null || stderr === null) throw new Error('the pipes are missing');
    stderr.setEncoding('utf8').on('data', (chunk: string) => (this.#errors += chunk));
    this.#lines = createInterface({ input: stdout });
    this.#lines.on('line', (line) => {
      this.#said.push(line);
      this.#wake?.();
    });
    this.#exited = once(this.#child, 'close').then(() => {
      this.#hasEnded = true;
      this.#wake?.();
    });
  }

  /** What it wrote on standard error so far. */
  get errors(): string {
    return this.#errors;
  }

  /** The next line that it prints. */
  async line(): Promise<string> {
    for (;;) {
      const line = this.#said.shift();
      if (line !== undefined) return line;
      if (this.#hasEnded) {
        throw new Error(`the program ended: ${this.#errors}`);
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Writes a line to its standard input. */
  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Waits for its end. @throws when it was not a clean one */
  async end(): Promise<string[]> {
    this.#child.stdin?.end();
    await this.#exited;
    if (this.#child.exitCode !== 0) throw new Error(`exit code ${String(this.#child.exitCode)}: ${this.#errors}`);
    return this.#said.splice(0);
  }

  /** Sends SIGTERM and waits for its end. Standard input stays open. */
  async terminate(): Promise<{ lines: string[]; code: number | null; signal: NodeJS.Signals | null }> {
    this.#child.kill('SIGTERM');
    await this.#exited;
    return { lines: this.#said.splice(0), code: this.#child.exitCode, signal: this.#child.signalCode };
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#hasEnded) await this.kill();
  }
}
