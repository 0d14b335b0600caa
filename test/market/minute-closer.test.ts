import * as assert from 'uvu/assert';
import { MinuteCloser } from '../../src/market/minute-closer.ts';
import { MINUTE_MICROS, type MinuteBar } from '../../src/market/minute-bar.ts';
import { suite } from '../support/suite.ts';

const test = suite('when a minute is over');
const DAY_MS = Date.UTC(2025, 11, 1, 10, 0);

/** A bar of the minute so many minutes after ten; its last tick so many seconds into the minute. */
function bar(symbol: string, minute: number, trades: number, atSecond = 30): MinuteBar {
  const minuteMicros = DAY_MS * 1_000 + minute * MINUTE_MICROS;
  return {
    symbol,
    minuteMicros,
    open: 1,
    high: 1,
    low: 1,
    close: trades,
    volume: trades,
    trades,
    turnoverMillionths: 1,
    openMicros: minuteMicros,
    closeMicros: minuteMicros + atSecond * 1e6,
  };
}

const at = (minute: number, second: number): number => DAY_MS + minute * 60_000 + second * 1_000;
const told = (events: ReadonlyArray<{ readonly type: string; readonly bar: MinuteBar }>): string[] =>
  events.map(({ type, bar: { symbol, minuteMicros, trades } }) => {
    const minute = (minuteMicros / 1_000 - DAY_MS) / 60_000;
    return `${type} ${symbol} ${minute} ${trades}`;
  });

test('a later minute of the same symbol ends it, with what the row last said', () => {
  const closer = new MinuteCloser();
  assert.equal(closer.take([bar('A', 0, 1)], at(0, 31)), []);
  assert.equal(closer.take([bar('A', 0, 5)], at(0, 40)), []);
  assert.equal(told(closer.take([bar('A', 1, 1, 0)], at(1, 0))), ['b A 0 5']);
});

test('both rows in one flush: the last state of the old minute is told', () => {
  const closer = new MinuteCloser();
  closer.take([bar('A', 0, 1)], at(0, 31));
  assert.equal(told(closer.take([bar('A', 1, 1, 0), bar('A', 0, 2)], at(1, 0))), ['b A 0 2']);
});

test('the market’s time ends it: another symbol a second past the minute', () => {
  const closer = new MinuteCloser();
  closer.take([bar('A', 0, 1)], at(0, 31));
  assert.equal(told(closer.take([bar('B', 1, 1, 0.9)], at(1, 0.95))), []);
  assert.equal(told(closer.take([bar('B', 1, 2, 1)], at(1, 1.05))), ['b A 0 1']);
});

test('a tick stamped in the future does not end minutes that are not over', () => {
  const closer = new MinuteCloser();
  closer.take([bar('A', 0, 1)], at(0, 31));
  assert.equal(closer.take([bar('B', 4, 1)], at(0, 32)), []);
});

test('silence ends it, two seconds after the minute, and only then', () => {
  const closer = new MinuteCloser();
  closer.take([bar('A', 0, 1)], at(0, 31));
  assert.equal(closer.tick(at(1, 1.9)), []);
  assert.equal(told(closer.tick(at(1, 2))), ['b A 0 1']);
  assert.equal(closer.tick(at(1, 3)), []);
});

test('a flush that comes late holds its minute open for as long again', () => {
  const closer = new MinuteCloser();
  closer.take([bar('A', 0, 1)], at(1, 1.5));
  assert.equal(closer.tick(at(1, 3)), []);
  assert.equal(told(closer.tick(at(1, 3.5))), ['b A 0 1']);
});

test('a replay of the past, tick by tick, is not over at each pause', () => {
  const closer = new MinuteCloser();
  closer.take([bar('A', 0, 1)], at(600, 0));
  assert.equal(closer.tick(at(600, 10)), []);
  closer.take([bar('A', 0, 2)], at(600, 20));
  assert.equal(told(closer.take([bar('A', 1, 1)], at(600, 50))), ['b A 0 2']);
  assert.equal(told(closer.tick(at(601, 50))), ['b A 1 1']);
});

test('a late tick after the end is a change; again and again', () => {
  const closer = new MinuteCloser();
  closer.take([bar('A', 0, 1)], at(0, 31));
  closer.tick(at(1, 2));
  assert.equal(told(closer.take([bar('A', 0, 2)], at(1, 5))), ['u A 0 2']);
  assert.equal(told(closer.take([bar('A', 0, 3), bar('A', 1, 1)], at(1, 6))), ['u A 0 3']);
});

test('a minute never seen that is older than the symbol’s newest is over at once', () => {
  const closer = new MinuteCloser();
  closer.take([bar('A', 5, 1)], at(5, 31));
  assert.equal(told(closer.take([bar('A', 3, 1)], at(5, 32))), ['b A 3 1']);
  assert.equal(told(closer.take([bar('A', 3, 2)], at(5, 33))), ['u A 3 2']);
});

test('minutes too old to be remembered count as over', () => {
  const closer = new MinuteCloser();
  for (let minute = 0; minute < 100; minute++) closer.take([bar('A', minute, 1)], at(minute, 31));
  assert.equal(told(closer.take([bar('A', 2, 2)], at(99, 40))), ['u A 2 2']);
});

test('after missed flushes: what was over while nobody heard, and what changed; nothing twice', () => {
  const closer = new MinuteCloser();
  closer.take([bar('A', 0, 1), bar('B', 0, 1)], at(0, 31));
  assert.equal(told(closer.tick(at(1, 2))), ['b A 0 1', 'b B 0 1']);
  closer.take([bar('A', 1, 1)], at(1, 31));
  const stored = [bar('A', 0, 1), bar('B', 0, 4), bar('A', 1, 3), bar('C', 1, 7)];
  assert.equal(told(closer.catchUp(stored, at(1, 50))), ['u B 0 4']);
  assert.equal(told(closer.tick(at(2, 5))), ['b A 1 3', 'b C 1 7']);
  assert.equal(told(closer.catchUp(stored, at(2, 6))), []);
});
