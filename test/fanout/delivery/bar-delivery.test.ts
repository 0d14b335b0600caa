import * as assert from 'uvu/assert';
import { BarDelivery } from '../../../src/fanout/delivery/bar-delivery.ts';
import { NO_SYMBOLS, type SymbolFilter } from '../../../src/market/symbol-filter.ts';
import { nextTurn } from '../../../src/base/next-turn.ts';
import { suite } from '../../support/suite.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { barOf, FakePrices } from '../fakes/fake-prices.ts';
import { EVERYTHING, FakeSubscriber, symbols } from '../fakes/fake-subscriber.ts';

const test = suite('BarDelivery');
const MINUTE_MS = 60_000;

/** A delivery to subscribers of the test. */
class Parts {
  readonly clock: FakeClock = new FakeClock();
  readonly prices: FakePrices = new FakePrices();
  readonly subscribers: Set<FakeSubscriber> = new Set();
  /** Monotonic time, moved by the test. */
  workMs = 0;
  readonly delivery: BarDelivery = new BarDelivery(this.prices, this.subscribers, this.clock, () => this.workMs);

  /** Start of the minute under way, or of one so many minutes before. */
  minute(back = 0): number {
    return Math.floor(this.clock.now() / MINUTE_MS - back) * MINUTE_MS;
  }

  subscriber(key: string, bars: SymbolFilter, updatedBars: SymbolFilter = NO_SYMBOLS): FakeSubscriber {
    const subscriber = new FakeSubscriber(this.clock);
    Object.assign(subscriber, { barKey: key, bars, updatedBars });
    this.subscribers.add(subscriber);
    return subscriber;
  }
}

const told = ({ socket }: FakeSubscriber): string[] =>
  socket.messages.splice(0).map(({ T, S, n }) => [T, S, n].map(String).join(' '));

test('a minute is told when the symbol has a later one; a change afterwards to those of updatedBars', () => {
  const parts = new Parts();
  const bars = parts.subscriber('bars', EVERYTHING);
  const both = parts.subscriber('both', EVERYTHING, symbols('A'));
  parts.delivery.onFlushed([barOf('A', parts.minute(1), 3)], parts.clock.now());
  parts.delivery.onFlushed([barOf('A', parts.minute())], parts.clock.now());
  assert.equal([told(bars), told(both)], [['b A 3'], ['b A 3']]);
  parts.delivery.onFlushed([barOf('A', parts.minute(1), 4), barOf('B', parts.minute(1), 1)], parts.clock.now());
  assert.equal(told(both).includes('u A 4'), true);
  assert.equal(told(bars).includes('u A 4'), false);
});

test('equal filters get the same bytes; others what they name; none gets nothing', () => {
  const parts = new Parts();
  const [first, second] = [parts.subscriber('all', EVERYTHING), parts.subscriber('all', EVERYTHING)];
  const named = parts.subscriber('b', symbols('B'));
  const closed = parts.subscriber('all', EVERYTHING);
  closed.isClosed = true;
  const none = parts.subscriber('', NO_SYMBOLS);
  for (const back of [1, 0]) {
    parts.delivery.onFlushed(
      ['A', 'B'].map((symbol) => barOf(symbol, parts.minute(back))),
      parts.clock.now(),
    );
  }
  assert.is(first.socket.frames[0], second.socket.frames[0]);
  assert.equal(told(first), ['b A 1', 'b B 1']);
  assert.equal(told(named), ['b B 1']);
  assert.equal([closed.controls, none.controls], [0, 0]);
});

test('many bars go in frames of 256', () => {
  const parts = new Parts();
  const all = parts.subscriber('all', EVERYTHING);
  for (const back of [1, 0]) {
    parts.delivery.onFlushed(
      Array.from({ length: 300 }, (_, at) => barOf(`S${at}`, parts.minute(back))),
      parts.clock.now(),
    );
  }
  assert.is(all.socket.frames.length, 2);
  assert.is(all.socket.messages.length, 300);
});

test('a minute is over by the clock when nothing comes any more', () => {
  const parts = new Parts();
  const all = parts.subscriber('all', EVERYTHING);
  const minuteMs = parts.minute();
  parts.delivery.onFlushed([barOf('A', minuteMs)], parts.clock.now());
  parts.delivery.onClock(minuteMs + MINUTE_MS + 1_999);
  assert.equal(told(all), []);
  parts.delivery.onClock(minuteMs + MINUTE_MS + 4_000);
  assert.equal(told(all), ['b A 1']);
});

test('missed bars: read from three minutes before the last notice, an hour back at most', async () => {
  const parts = new Parts();
  const from = (backMs: number): number => Math.floor((parts.clock.now() - backMs) / MINUTE_MS) * MINUTE_MS * 1_000;
  await parts.delivery.loadMissed();
  assert.equal(parts.prices.askedBarsSince.splice(0), [from(3 * MINUTE_MS)]);
  await parts.clock.advance(10 * MINUTE_MS);
  await parts.delivery.loadMissed();
  assert.equal(parts.prices.askedBarsSince.splice(0), [from(13 * MINUTE_MS)]);
  await parts.clock.advance(24 * 60 * MINUTE_MS);
  await parts.delivery.loadMissed();
  assert.equal(parts.prices.askedBarsSince.splice(0), [from(60 * MINUTE_MS)]);
  parts.delivery.onFlushed([], parts.clock.now());
  await parts.delivery.loadMissed();
  assert.equal(parts.prices.askedBarsSince.splice(0), [from(3 * MINUTE_MS)]);
});

test('missed bars are told once: those known are left out', async () => {
  const parts = new Parts();
  const all = parts.subscriber('all', EVERYTHING, EVERYTHING);
  parts.delivery.onFlushed([barOf('A', parts.minute(2), 2), barOf('A', parts.minute(1))], parts.clock.now());
  assert.equal(told(all), ['b A 2']);
  parts.prices.bars = [barOf('A', parts.minute(2), 2), barOf('A', parts.minute(1)), barOf('A', parts.minute())];
  await parts.delivery.loadMissed();
  assert.equal(told(all), ['b A 1']);
});

test('while the store is away it is asked every two seconds, and not after the end', async () => {
  const parts = new Parts();
  parts.prices.isAway = true;
  await parts.delivery.loadMissed();
  await parts.clock.advance(4_000);
  assert.is(parts.prices.askedBarsSince.length, 3);
  parts.prices.isAway = false;
  await parts.clock.advance(10_000);
  assert.is(parts.prices.askedBarsSince.length, 4);
  parts.prices.isAway = true;
  await parts.delivery.loadMissed();
  parts.delivery[Symbol.dispose]();
  await parts.clock.advance(10_000);
  assert.is(parts.prices.askedBarsSince.length, 5);
});

test('many dashboards are served in time slices, each with all, in order', async () => {
  const parts = new Parts();
  const all = Array.from({ length: 10 }, (_, at) => {
    const subscriber = parts.subscriber(`key ${at}`, EVERYTHING);
    const send = subscriber.sendControl.bind(subscriber);
    subscriber.sendControl = (frame) => {
      parts.workMs += 1;
      send(frame);
    };
    return subscriber;
  });
  const delivered = (): number => all.reduce((sum, { controls }) => sum + controls, 0);
  parts.delivery.onFlushed([barOf('A', parts.minute(2), 1)], parts.clock.now());
  parts.delivery.onFlushed([barOf('A', parts.minute(1), 2)], parts.clock.now());
  assert.is(delivered(), 2);
  parts.delivery.onFlushed([barOf('A', parts.minute(), 3)], parts.clock.now());
  const turns: number[] = [];
  for (let before = delivered(); before < 20; before = delivered()) {
    await nextTurn();
    turns.push(delivered() - before);
  }
  assert.is(Math.max(...turns), 2);
  for (const subscriber of all) assert.equal(told(subscriber), ['b A 1', 'b A 2']);
});
