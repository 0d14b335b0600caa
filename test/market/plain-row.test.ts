import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { BadFrameError } from '../../src/market/bad-frame-error.ts';
import { MsgpackReader } from '../../src/market/msgpack-reader.ts';
import { plainRowEnd } from '../../src/market/plain-row.ts';
import { TickChecker } from '../../src/market/tick-check.ts';
import { TickColumns } from '../../src/market/tick-columns.ts';
import { DAY_MICROS } from '../../src/market/tick.ts';
import { suite } from '../support/suite.ts';
import { anyOf, float32, float64, hex, intForms, textForms, timestampForms } from './msgpack-forms.ts';
import { COMI, micros, NOW, PRICE, TIME, VOLUME } from './tick-fields.ts';

const test = suite('plain rows', { timeoutMs: 30_000 });
const checker = new TickChecker();
const OPTIONS = { nowMicros: NOW, maxTicks: 10, maxDays: 100_000 };
const row = (...fields: readonly Buffer[]): Buffer => Buffer.concat([Buffer.from([0x90 | fields.length]), ...fields]);
const GOOD = row(COMI, PRICE, VOLUME, TIME);
const TAIL = Buffer.alloc(40, 0xc0);

function endOf(bytes: Buffer, earliest = 0, latest = Number.MAX_SAFE_INTEGER): number {
  return plainRowEnd(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, earliest, latest);
}

/** What the checker says of the last row of a frame. Only the first row of a frame is never taken for plain. */
function judge(rows: readonly Buffer[], maxDays = OPTIONS.maxDays): string {
  const reader = new MsgpackReader(Buffer.concat([Buffer.from([0x90 | rows.length]), ...rows]));
  try {
    const checked = checker.checkMsgpack(reader, { ...OPTIONS, maxDays });
    const columns = new TickColumns();
    columns.appendRows(checked.rows, 0, checked.rows.length);
    const at = checked.count === rows.length ? columns.length - 1 : -1;
    const symbol = columns.symbolTable.names[columns.symbol[at] ?? -1];
    const kept = [symbol, columns.price[at], columns.volume[at], columns.timeMicros[at]].join(' ');
    const judged = checked.rejected.map(
      ({ index, reason, raw }) => `${index - rows.length} ${reason} ${raw.toString('hex')}`,
    );
    return [kept, ...judged, reader.atEnd].join(' ');
  } catch (error) {
    if (error instanceof BadFrameError) return error.message;
    throw error;
  }
}

test('the usual forms are plain, to their last byte', () => {
  for (const symbol of ['A', 'COMI', 'X'.repeat(31)]) {
    for (const volume of [0n, 127n, 128n, 255n, 256n, 65_535n, 65_536n, 4_294_967_295n]) {
      for (const time of [TIME, float64(NOW)]) {
        const bytes = row(textForms(symbol)[0] ?? COMI, PRICE, intForms(volume)[0] ?? VOLUME, time);
        assert.is(endOf(Buffer.concat([bytes, TAIL])), bytes.length);
      }
    }
  }
});

test('a row that a message cuts short is not', () => {
  for (let length = 0; length < GOOD.length; length++) assert.is(endOf(GOOD.subarray(0, length)), 0);
});

test('times of the bounds are within them', () => {
  const bytes = Buffer.concat([GOOD, TAIL]);
  assert.is(endOf(bytes, NOW, NOW), GOOD.length);
  assert.is(endOf(bytes, NOW + 1), 0);
  assert.is(endOf(bytes, 0, NOW - 1), 0);
});

const field = fc.oneof(
  anyOf(textForms('SWDY')),
  anyOf([...intForms(0n), ...intForms(300n), ...intForms(70_000n), ...intForms(BigInt(NOW))]),
  anyOf([float64(45.5), float64(0), float64(-1), float64(Number.NaN), float64(NOW + 0.5), float32(45.5)]),
  anyOf([hex('c0'), hex('c3'), hex('a0'), hex('a2 20 41'), ...timestampForms(BigInt(NOW) / 1_000_000n, 0)]),
);
const usual = [fc.constant(COMI), fc.constant(PRICE), anyOf([VOLUME, hex('cd 01 2c')]), anyOf([TIME, float64(NOW)])];

test('whatever stands in a row, it is judged behind another one as it is alone', () => {
  const fields = fc.tuple(
    ...usual.map((each) => fc.oneof({ weight: 6, arbitrary: each }, { weight: 1, arbitrary: field })),
  );
  const damage = fc.record({ at: fc.nat(60), byte: fc.nat(255), isDone: fc.boolean(), cut: fc.nat(80) });
  let plain = 0;
  fc.assert(
    fc.property(fields, damage, (some, { at, byte, isDone, cut }) => {
      const whole = row(...some);
      if (isDone) whole[at % whole.length] = byte;
      const bytes = whole.subarray(0, Math.max(1, whole.length - Math.max(0, cut - 60)));
      if (endOf(Buffer.concat([bytes, TAIL])) > 0) plain += 1;
      assert.is(judge([GOOD, bytes]).replace(/-1 /g, ''), judge([bytes]).replace(/-1 /g, ''));
    }),
    { numRuns: 20_000 },
  );
  assert.ok(plain > 1_000, `${plain} plain ones`);
});

test('days are counted from the first valid row, to the microsecond', () => {
  const firstTime = NOW - 400 * DAY_MICROS;
  const firstDay = Math.floor(firstTime / DAY_MICROS);
  for (const maxDays of [1, 2, 366]) {
    const cases: ReadonlyArray<readonly [timeMicros: number, isWithin: boolean]> = [
      [(firstDay + maxDays) * DAY_MICROS - 1, true],
      [(firstDay + maxDays) * DAY_MICROS, false],
      [(firstDay - maxDays + 1) * DAY_MICROS, true],
      [(firstDay - maxDays + 1) * DAY_MICROS - 1, false],
    ];
    for (const [timeMicros, isWithin] of cases) {
      const said = judge(
        [row(COMI, PRICE, VOLUME, micros(firstTime)), row(COMI, PRICE, VOLUME, micros(timeMicros))],
        maxDays,
      );
      assert.is(said.includes('day_spread'), !isWithin, `${maxDays} days, ${timeMicros - firstTime}`);
    }
  }
});
