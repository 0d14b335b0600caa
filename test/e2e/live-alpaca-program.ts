import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import * as assert from 'uvu/assert';
import { FeedClient } from '../../clients/feed/feed-client.ts';
import type { Gateway } from '../../src/gateway/gateway.ts';
import { formatMicros, type Tick } from '../../src/market/tick.ts';
import { until } from '../support/test-market.ts';
import { generateTestTicks, TEST_BASE_MICROS } from '../support/test-ticks.ts';
import { toTicks } from '../support/to-ticks.ts';

const TICKS = 4_000;
/** The second batch comes so much later, so that the minutes of the first are over. */
const LATER_MICROS = 600_000_000;

/** Lines of a program that watches through one of Alpaca's SDKs. */
class SdkProgram implements AsyncDisposable {
  readonly lines: string[] = [];
  errors = '';
  readonly #child;
  readonly #closed: Promise<unknown>;

  constructor(command: string, args: readonly string[], environment: Readonly<Record<string, string>>) {
    this.#child = spawn(command, args, { env: { ...process.env, ...environment }, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stderr.setEncoding('utf8').on('data', (chunk: string) => (this.errors += chunk));
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.lines.push(line));
    this.#closed = once(this.#child, 'close');
  }

  async said(what: string, isSaid: () => boolean): Promise<void> {
    const check = (): boolean => {
      if (this.#child.exitCode !== null) throw new Error('the program ended');
      return isSaid();
    };
    await until(what, check).catch((error: unknown) => {
      throw new Error(`${this.errors}\n${this.lines.slice(-5).join('\n')}`, { cause: error });
    });
  }

  tell(): void {
    this.#child.stdin.write('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }
}

const asLine = ({ symbol, price, volume, timeMicros }: Tick): string =>
  `trade ${symbol} ${price} ${volume} ${formatMicros(timeMicros)}`;

/**
 * Runs a program of an SDK against a gateway: it gets every trade of two symbols in order and bars, and after a change
 * of its subscriptions those of the one symbol that is left.
 */
export async function watchWithSdk(
  gateway: Gateway,
  feedName: string,
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  const [first, second] = [`${feedName}=1`, `${feedName}=2`];
  await using program = new SdkProgram(command, [...args, gateway.url, first, second], environment);
  await using feed = new FeedClient({ url: gateway.url, feed: feedName });
  const publish = async (baseMicros: number): Promise<Tick[]> => {
    const ticks = toTicks([...generateTestTicks({ feed: feedName, firstSeq: 1, count: TICKS, baseMicros })]);
    for (const tick of ticks) await feed.publish(tick);
    await feed.drained();
    return ticks;
  };
  const trades = (): string[] => program.lines.filter((line) => line.startsWith('trade'));

  await program.said('subscribed', () => program.lines.includes('subscribed'));
  const before = (await publish(TEST_BASE_MICROS))
    .filter(({ symbol }) => symbol === first || symbol === second)
    .map(asLine);
  assert.ok(before.length > 100, `${before.length} ticks of the two symbols`);
  await program.said('the last trade', () => trades().length >= before.length);
  assert.equal(trades(), before);
  program.tell();
  await program.said('changed', () => program.lines.includes('changed'));
  const after = (await publish(TEST_BASE_MICROS + LATER_MICROS)).filter(({ symbol }) => symbol === second).map(asLine);
  await program.said('the last trade after the change', () => trades().length >= before.length + after.length);
  assert.equal(trades().slice(before.length), after);
  await program.said('a bar', () => program.lines.some((line) => line.startsWith(`bar ${first} `)));
}
