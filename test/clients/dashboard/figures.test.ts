import * as assert from 'uvu/assert';
import { LivePulse } from '../../../clients/dashboard/live-pulse.ts';
import {
  formatLag,
  formatPrice,
  formatSigned,
  formatTime,
  formatWhole,
  priceDigits,
} from '../../../clients/dashboard/number-format.ts';
import { parseBoard } from '../../../clients/dashboard/stored-board.ts';
import { textOf } from '../../../clients/dashboard/texts.ts';
import { suite } from '../../support/suite.ts';

const test = suite('figures of the page');

test('prices have the digits they need', () => {
  assert.equal([10, 10.5, 1.247, 0.1855, 0.12345, 117.6, 490, 0.1 + 0.2].map(priceDigits), [2, 2, 3, 4, 4, 2, 2, 2]);
  assert.equal([formatPrice(1.5, 3), formatPrice(Number.NaN, 2)], ['1.500', '–']);
});

test('a sign stands only where there is a difference to be seen', () => {
  const cases = [1.234, -1.234, 0, -0.001, 0.004, undefined, Number.NaN, Number.POSITIVE_INFINITY];
  assert.equal(
    cases.map((value) => formatSigned(value, 2, '%')),
    ['+1.23%', '−1.23%', '0.00%', '0.00%', '0.00%', '–', '–', '–'],
  );
});

test('time of day by the day of the exchange, with the date elsewhere', () => {
  const begin = 1_764_540_000_000_000;
  assert.is(formatTime(begin, begin), '00:00:00');
  assert.is(formatTime(begin + 45_296_999_999, begin), '12:34:56');
  assert.match(formatTime(begin - 1, begin), /2025/);
  assert.match(formatTime(begin + 86_400_000_000, begin), /2025/);
  assert.match(formatTime(begin, 0), /2025/);
  assert.is(formatTime(0, 0), '–');
});

test('whole numbers and lags', () => {
  assert.equal([formatWhole(1_234_567), formatWhole(0)], ['1,234,567', '0']);
  assert.equal([0, 12.4, 999, 1_500].map(formatLag), ['0 ms', '12 ms', '999 ms', '1.5 s']);
});

test('the pulse counts a second, and leaves out what is of another day', () => {
  const pulse = new LivePulse();
  assert.ok(pulse.rollOver(5_000));
  for (const lagMs of [5, 1, 9, -3, 86_400_000]) pulse.tick(lagMs);
  assert.is(pulse.rollOver(5_999), false);
  assert.ok(pulse.rollOver(7_000));
  assert.equal([pulse.ticksPerSecond, pulse.lagMs], [2.5, 5]);
  assert.ok(pulse.rollOver(8_000));
  assert.equal([pulse.ticksPerSecond, pulse.lagMs], [0, undefined]);
});

test('a board from a gateway, and from something else', () => {
  const day = { open: 1, high: 3, low: 0.5, close: 2, volume: 10, trades: 4, turnover: 20 };
  const row = { symbol: 'A', price: 2, time: '2025-12-01T08:00:00.000001Z', previousClose: 1.5, day };
  const board = parseBoard({
    date: '2025-12-01',
    begin: '2025-11-30T22:00:00.000000Z',
    end: '2025-12-01T22:00:00.000000Z',
    rows: [row, { ...row, symbol: 'B', previousClose: null, day: null }],
  });
  assert.equal(board, {
    date: '2025-12-01',
    beginMicros: 1_764_540_000_000_000,
    endMicros: 1_764_626_400_000_000,
    rows: [
      {
        symbol: 'A',
        price: 2,
        timeMicros: 1_764_576_000_000_001,
        previousClose: 1.5,
        day: { open: 1, high: 3, low: 0.5, volume: 10, trades: 4 },
      },
      { symbol: 'B', price: 2, timeMicros: 1_764_576_000_000_001, previousClose: undefined, day: undefined },
    ],
  });
  const nothing = { date: undefined, beginMicros: 0, endMicros: 0, rows: [] };
  for (const answer of [undefined, null, 7, 'x', [], {}, { rows: 'x' }, { rows: [null, 7, {}] }]) {
    assert.equal(parseBoard(answer), nothing);
  }
});

test('sentences hold what is put into them', () => {
  assert.match(textOf('lost', 'en', '12:00:01'), 'since 12:00:01.');
  assert.match(textOf('lost', 'ar', '12:00:01'), '12:00:01');
});
