import * as assert from 'uvu/assert';
import type { SimulatedTick } from '../../clients/simulator/generate-ticks.ts';
import { decodeTestTick, generateTestTicks, MAX_TEST_SEQ, testFrame } from './test-ticks.ts';
import { checkPrice, checkTime, checkVolume, isSymbol } from '../../src/market/tick.ts';
import { suite } from './suite.ts';

const test = suite('clients/simulator/test-ticks');
const NOW_MICROS = 1_735_689_600_000_000;

test('every tick says which one it is', () => {
  const ticks = [
    ...generateTestTicks({ feed: 'egx-main', firstSeq: 7, count: 1_050, ticksPerFrame: 100, symbols: 13 }),
  ];
  assert.is(ticks.length, 1_050);
  ticks.forEach((tick, at) => {
    assert.equal(decodeTestTick(tick), { feed: 'egx-main', seq: 7 + Math.floor(at / 100), index: at % 100 });
  });
  assert.is(new Set(ticks.map((tick) => tick[0])).size, 13);
});

test('a frame is the same ticks again, however often it is made', () => {
  const whole = [...generateTestTicks({ feed: 'a', firstSeq: 1, count: 30, ticksPerFrame: 10 })];
  assert.equal(testFrame({ feed: 'a', seq: 2, count: 10 }), whole.slice(10, 20));
  assert.equal([...generateTestTicks({ feed: 'a', firstSeq: 5, count: 2 })].map(decodeSeq), [5, 6]);
});

test('ticks are valid and all different, up to the largest sequence number', () => {
  const ticks = [
    ...testFrame({ feed: '~gw-abcdefghijklmnopqrstuvw', seq: MAX_TEST_SEQ, count: 10_000, symbols: 10_000 }),
    ...testFrame({ feed: 'a', seq: 1, count: 10_000 }),
  ];
  for (const [symbol, price, volume, time] of ticks) {
    assert.ok(isSymbol(symbol), symbol);
    assert.is(checkPrice(price) ?? checkVolume(volume) ?? checkTime(time, NOW_MICROS), undefined);
    assert.is(price, Number(price.toFixed(2)));
  }
  assert.is(new Set(ticks.map((tick) => `${tick[0]} ${tick[2]}`)).size, ticks.length);
});

test('a base of its own moves the times, and belongs to the decoding', () => {
  const [tick] = testFrame({ feed: 'a', seq: 1, count: 1, baseMicros: NOW_MICROS });
  assert.ok(tick !== undefined);
  assert.is(tick[3], NOW_MICROS + 1_000);
  assert.equal(decodeTestTick(tick, NOW_MICROS), { feed: 'a', seq: 1, index: 0 });
  assert.throws(() => decodeTestTick(tick), /columns of different ticks/);
});

const [SAMPLE, OTHER] = testFrame({ feed: 'a', seq: 3, count: 2 });
if (SAMPLE === undefined || OTHER === undefined) throw new Error('a frame of two ticks has two');
const [symbol, price, volume, time] = SAMPLE;
const CORRUPT: ReadonlyArray<readonly [what: string, tick: SimulatedTick, message: RegExp]> = [
  ['another symbol', [OTHER[0], price, volume, time], /columns of different ticks/],
  ['another price', [symbol, OTHER[1], volume, time], /columns of different ticks/],
  ['another volume', [symbol, price, OTHER[2], time], /columns of different ticks/],
  ['another time', [symbol, price, volume, OTHER[3]], /columns of different ticks/],
  ['a real symbol', ['COMI', price, volume, time], /not a test tick/],
  ['a small volume', [symbol, price, 100, time], /not a test tick/],
  ['a fractional volume', [symbol, price, volume + 0.5, time], /not a test tick/],
];

for (const [what, tick, message] of CORRUPT) {
  test(`notices ${what}`, () => {
    assert.throws(() => decodeTestTick(tick), message);
  });
}

const REFUSED: ReadonlyArray<readonly [what: string, options: Parameters<typeof testFrame>[0], message: string]> = [
  ['a feed with =', { feed: 'a=b', seq: 1, count: 1 }, 'feed "a=b" does not fit a symbol'],
  ['a feed too long', { feed: 'x'.repeat(28), seq: 1, count: 1 }, `feed "${'x'.repeat(28)}" does not fit a symbol`],
  ['seq 0', { feed: 'a', seq: 0, count: 1 }, 'seq 0 is not a whole number from 1 to 99999999'],
  ['seq too high', { feed: 'a', seq: 1e8, count: 1 }, 'seq 100000000 is not a whole number from 1 to 99999999'],
  ['too many ticks', { feed: 'a', seq: 1, count: 10_001 }, 'count 10001 is not a whole number from 0 to 10000'],
  ['no symbols', { feed: 'a', seq: 1, count: 1, symbols: 0 }, 'symbols 0 is not a whole number from 1 to 10000'],
];

for (const [what, options, message] of REFUSED) {
  test(`refuses ${what}`, () => {
    assert.throws(
      () => testFrame(options),
      (error: unknown) => error instanceof RangeError && error.message === message,
    );
  });
}

function decodeSeq(tick: SimulatedTick): number {
  return decodeTestTick(tick).seq;
}
