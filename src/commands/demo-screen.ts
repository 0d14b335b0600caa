import type { WriteStream } from 'node:tty';

export interface DemoNumbers {
  /** Of the gateway, and of the page with live prices. */
  readonly url: string;
  /** Ticks given to the feed client, held by the buffer, durable. */
  readonly published: number;
  readonly acknowledged: number;
  readonly committed: number;
  /** Ticks in the buffer; undefined while Redis does not answer. */
  readonly buffered: number | undefined;
  readonly lastFlush: { readonly rows: number; readonly ms: number } | undefined;
}

const LINE_EVERY_MS = 950;
const SHORTEST_MEASURE_MS = 400;
const CLEAR_LINE = '\u001b[2K';
const whole = new Intl.NumberFormat('en');

/** The demo's numbers: on a terminal drawn over themselves, elsewhere a line a second. */
export class DemoScreen {
  readonly #out: Pick<WriteStream, 'write' | 'isTTY'>;
  #drawnLines = 0;
  #writtenAtMs = Number.NEGATIVE_INFINITY;
  #before = { published: 0, atMs: 0 };
  #ratePerSecond = 0;

  constructor(out: Pick<WriteStream, 'write' | 'isTTY'>) {
    this.#out = out;
  }

  show(numbers: DemoNumbers, nowMs: number): void {
    this.#measure(numbers, nowMs);
    if (this.#out.isTTY) this.#redraw(numbers);
    else if (nowMs - this.#writtenAtMs >= LINE_EVERY_MS) {
      this.#writtenAtMs = nowMs;
      this.#out.write(`${this.#line(numbers)}\n`);
    }
  }

  #measure({ published }: DemoNumbers, nowMs: number): void {
    const elapsedMs = nowMs - this.#before.atMs;
    if (elapsedMs < SHORTEST_MEASURE_MS) return;
    if (this.#before.atMs > 0) this.#ratePerSecond = ((published - this.#before.published) / elapsedMs) * 1000;
    this.#before = { published, atMs: nowMs };
  }

  #redraw(numbers: DemoNumbers): void {
    const lines = [
      `live page     ${numbers.url}`,
      `published     ${padded(numbers.published)}   ${whole.format(Math.round(this.#ratePerSecond))} ticks/s`,
      `acknowledged  ${padded(numbers.acknowledged)}   in the Redis buffer`,
      `committed     ${padded(numbers.committed)}   in TimescaleDB`,
      `buffer        ${padded(numbers.buffered)}   ticks not yet committed`,
      `last flush    ${padded(numbers.lastFlush?.rows)}   rows in ${Math.round(numbers.lastFlush?.ms ?? 0)} ms`,
      'Ctrl-C ends.',
    ];
    const up = this.#drawnLines > 0 ? `\u001b[${this.#drawnLines}A` : '';
    this.#drawnLines = lines.length;
    this.#out.write(up + lines.map((line) => `${CLEAR_LINE}${line}\n`).join(''));
  }

  #line({ url, published, acknowledged, committed, buffered, lastFlush }: DemoNumbers): string {
    const flush = lastFlush === undefined ? 'none yet' : `${lastFlush.rows} rows in ${Math.round(lastFlush.ms)} ms`;
    return `published ${published}, acknowledged ${acknowledged}, committed ${committed}, buffer ${buffered ?? '?'}, last flush ${flush}, ${url}`;
  }
}

function padded(number: number | undefined): string {
  return (number === undefined ? '?' : whole.format(number)).padStart(12);
}
