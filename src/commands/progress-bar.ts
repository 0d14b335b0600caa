import { SingleBar } from 'cli-progress';

/** A bar on a terminal; elsewhere nothing, so that logs stay clean. */
export class ProgressBar {
  readonly #bar: SingleBar | undefined;

  /** @param format `cli-progress`'s, with the names of `fields` in braces */
  constructor(format: string, total: number, fields: Readonly<Record<string, number>>) {
    if (!process.stderr.isTTY) return;
    this.#bar = new SingleBar({ format, stream: process.stderr, hideCursor: true });
    this.#bar.start(total, 0, fields);
  }

  update(value: number, fields: Readonly<Record<string, number>>): void {
    this.#bar?.update(value, fields);
  }

  stop(): void {
    this.#bar?.stop();
  }
}
