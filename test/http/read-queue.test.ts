import * as assert from 'uvu/assert';
import { ApiRefusal } from '../../src/http/api-access.ts';
import { ReadQueue } from '../../src/http/read-queue.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';

const test = suite('fair queue of reads');
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Reads that end when they are told to, in the order in which they began. */
class Reads {
  readonly began: string[] = [];
  readonly ended: string[] = [];
  readonly refused: number[] = [];
  readonly #ends: Array<(isGood: boolean) => void> = [];
  readonly queue: ReadQueue;
  readonly clock: FakeClock = new FakeClock();
  readonly gone = new Set<string>();

  constructor(options: { perOwner?: number; waiting?: number; waitingPerOwner?: number } = {}) {
    this.queue = new ReadQueue({
      maxReads: 4,
      maxReadsPerOwner: options.perOwner ?? 2,
      maxWaiting: options.waiting ?? 1_000,
      maxWaitingPerOwner: options.waitingPerOwner ?? 1_000,
      maxWaitMs: 3_000,
      clock: this.clock,
    });
  }

  ask(owner: string, count = 1): void {
    for (let at = 0; at < count; at++) void this.#ask(owner);
  }

  async end(isGood = true): Promise<void> {
    this.#ends.shift()?.(isGood);
    await settle();
  }

  async #ask(owner: string): Promise<void> {
    const read = (): Promise<boolean> => {
      this.began.push(owner);
      return new Promise((resolve, reject) => {
        this.#ends.push((isGood) => (isGood ? resolve(true) : reject(new Error('the database'))));
      });
    };
    try {
      await this.queue.run(owner, () => this.gone.has(owner), read);
      this.ended.push(owner);
    } catch (error) {
      this.refused.push(error instanceof ApiRefusal ? error.statusCode : 500);
    }
  }
}

test('one owner has two at once, and another begins at once beside it', async () => {
  const reads = new Reads();
  reads.ask('greedy', 800);
  reads.ask('modest');
  await settle();
  assert.equal(reads.began, ['greedy', 'greedy', 'modest']);
  assert.is(reads.queue.waiting, 798);
});

test('owners in line take turns, however much each has in it', async () => {
  const reads = new Reads();
  reads.ask('a', 100);
  reads.ask('b', 100);
  reads.ask('c', 2);
  reads.ask('d', 1);
  await settle();
  assert.equal(reads.began, ['a', 'a', 'b', 'b']);
  for (let at = 0; at < 4; at++) await reads.end();
  // A slot goes to whoever waits longest for one, not to the one who gave it.
  assert.equal(new Set(reads.began.slice(4, 7)), new Set(['c', 'd', 'a']));
  assert.ok(reads.began.indexOf('d') < 8);
});

test('all are read in the end, also when reads fail', async () => {
  const reads = new Reads();
  reads.ask('a', 10);
  reads.ask('b', 3);
  await settle();
  for (let at = 0; at < 13; at++) await reads.end(at % 3 !== 0);
  assert.is(reads.began.length, 13);
  assert.is(reads.ended.length + reads.refused.length, 13);
  assert.equal([reads.queue.running, reads.queue.waiting], [0, 0]);
  reads.ask('a');
  await settle();
  assert.is(reads.began.length, 14);
});

test('more in line than may be: 429 for its owner, 503 where all together have too many', async () => {
  const reads = new Reads({ waiting: 5, waitingPerOwner: 3 });
  reads.ask('a', 6);
  await settle();
  assert.equal(reads.refused, [429]);
  reads.ask('b', 5);
  await settle();
  assert.equal(reads.refused, [429, 503]);
  await reads.end();
  reads.ask('a');
  await settle();
  assert.equal(reads.refused, [429, 503]);
});

test('whoever has gone meanwhile is not read for', async () => {
  const reads = new Reads();
  reads.ask('gone', 50);
  reads.ask('here', 3);
  await settle();
  reads.gone.add('gone');
  for (let at = 0; at < 3; at++) await reads.end();
  assert.equal(reads.began, ['gone', 'gone', 'here', 'here', 'here']);
  assert.is(reads.refused.length, 48);
  assert.is(reads.queue.waiting, 0);
});

test('a turn that does not come in 3 s: the wait is ended, and its slot is not taken', async () => {
  const reads = new Reads();
  reads.ask('a', 5);
  await settle();
  await reads.clock.advance(2_999);
  assert.equal(reads.refused, []);
  await reads.clock.advance(1);
  assert.equal(reads.refused, [500, 500, 500], 'StoreUnavailableError: the API answers 503');
  await reads.end();
  assert.equal([reads.began.length, reads.queue.waiting, reads.queue.running], [2, 0, 1]);
});
