import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { BadFrameError } from '../../src/market/bad-frame-error.ts';
import { MsgpackReader } from '../../src/market/msgpack-reader.ts';
import {
  type CheckedTicks,
  FrameTooLargeError,
  TickChecker,
  type TickCheckOptions,
} from '../../src/market/tick-check.ts';
import { TickColumns } from '../../src/market/tick-columns.ts';
import { DAY_MICROS, formatMicros, MAX_FUTURE_MICROS, MIN_TIME_MICROS } from '../../src/market/tick.ts';
import { cpuMs } from '../support/cpu-time.ts';
import { suite } from '../support/suite.ts';
import {
  anyOf,
  arrayHeaders,
  BOMBS,
  float32,
  float64,
  hex,
  intForms,
  textForms,
  timestampForms,
} from './msgpack-forms.ts';
import { COMI, FIELDS, first, iso, micros, NOW, PRICE, TIME, VOLUME } from './tick-fields.ts';

const test = suite('tick check');
const OPTIONS = { nowMicros: NOW, maxTicks: 5_000, maxDays: 366 };
const ANY_DAYS = { ...OPTIONS, maxDays: 100_000 };
const MAX_BOMB_MS = 50;
const checker = new TickChecker();

interface Tick {
  readonly symbol: string;
  readonly price: number;
  readonly volume: number;
  readonly timeMicros: number;
}

function checkBytes(bytes: Buffer, options: TickCheckOptions = OPTIONS): CheckedTicks {
  const reader = new MsgpackReader(Buffer.concat([bytes, hex('c0')]));
  const checked = checker.checkMsgpack(reader, options);
  assert.is(reader.pos, bytes.length, 'stands behind the ticks');
  return checked;
}

const frame = (rows: readonly Buffer[]): Buffer =>
  Buffer.concat([arrayHeaders(rows.length)[0] ?? Buffer.alloc(0), ...rows]);
const row = (...fields: readonly Buffer[]): Buffer => Buffer.concat([Buffer.from([0x90 | fields.length]), ...fields]);

/** What the flush will read. */
function ticksOf(checked: CheckedTicks): Tick[] {
  const columns = new TickColumns();
  assert.is(columns.appendRows(checked.rows, 0, checked.rows.length), checked.count);
  return Array.from({ length: checked.count }, (_, at) => ({
    symbol: columns.symbolTable.names[columns.symbol[at] ?? -1] ?? '?',
    price: columns.price[at] ?? Number.NaN,
    volume: columns.volume[at] ?? Number.NaN,
    timeMicros: columns.timeMicros[at] ?? Number.NaN,
  }));
}

for (const [name, at, cases] of FIELDS) {
  for (const { what, bytes, json, reason } of cases) {
    test(`msgpack ${name}: ${what}: ${reason ?? 'accepted'}`, () => {
      const bad = row(...[COMI, PRICE, VOLUME, TIME].with(at, bytes));
      const good = row(COMI, PRICE, VOLUME, TIME);
      const checked = checkBytes(frame([good, bad, good]), ANY_DAYS);
      assert.equal(
        checked.rejected.map((tick) => [tick.index, tick.reason]),
        reason === undefined ? [] : [[1, reason]],
      );
      const [rejected] = checked.rejected;
      if (rejected !== undefined) assert.ok(rejected.raw.equals(bad), 'the row as it came');
      assert.is(ticksOf(checked).length, reason === undefined ? 3 : 2);
    });
    if (json === undefined) continue;
    test(`JSON ${name}: ${what}: ${reason ?? 'accepted'}`, () => {
      const good: readonly unknown[] = ['COMI', 45.5, 100, NOW];
      const bad = good.with(at, json);
      const checked = checker.checkJson([good, bad, good], ANY_DAYS);
      assert.equal(
        checked.rejected.map((tick) => [tick.index, tick.reason]),
        reason === undefined ? [] : [[1, reason]],
      );
      const [rejected] = checked.rejected;
      if (rejected !== undefined) assert.is(rejected.raw.toString(), JSON.stringify(bad));
      assert.is(ticksOf(checked).length, reason === undefined ? 3 : 2);
    });
  }
}

test('the first thing wrong with a tick is its reason', () => {
  const checked = checkBytes(frame([row(hex('a0'), hex('00'), float64(0.5), hex('00'))]));
  assert.is(checked.rejected[0]?.reason, 'symbol_invalid');
});

test('a tick without a time has the time of the gateway', () => {
  const [tick] = ticksOf(checkBytes(frame([row(COMI, PRICE, VOLUME)])));
  assert.is(tick?.timeMicros, NOW);
  const [fromJson] = ticksOf(checker.checkJson([['COMI', 45.5, 100]], OPTIONS));
  assert.is(fromJson?.timeMicros, NOW);
});

test('days are counted from the first valid tick, to both sides', () => {
  const day = (days: number): Buffer => row(COMI, PRICE, VOLUME, micros(NOW - 800 * DAY_MICROS + days * DAY_MICROS));
  const invalid = row(COMI, hex('00'), VOLUME, TIME);
  const checked = checkBytes(frame([invalid, day(0), day(365), day(366), day(-365), day(-366), day(0)]));
  assert.equal(
    checked.rejected.map((tick) => [tick.index, tick.reason]),
    [
      [0, 'price_out_of_range'],
      [3, 'day_spread'],
      [5, 'day_spread'],
    ],
  );
});

test('a time as text, whatever the length of its header', () => {
  for (const text of textForms('2025-12-01T08:00:00Z')) {
    const [tick] = ticksOf(checkBytes(frame([row(COMI, PRICE, VOLUME, text)])));
    assert.is(tick?.timeMicros, NOW, text.toString('hex'));
  }
});

test('a frame may hold no tick, and as many as are allowed', () => {
  assert.is(checkBytes(hex('90')).count, 0);
  const good = row(COMI, PRICE, VOLUME, TIME);
  const rows = Array.from({ length: OPTIONS.maxTicks }, () => good);
  assert.is(checkBytes(frame(rows)).count, OPTIONS.maxTicks);
  assert.throws(
    () => checkBytes(frame([...rows, good])),
    (error: unknown) => error instanceof FrameTooLargeError,
  );
  const json = rows.map(() => ['COMI', 45.5, 100]);
  assert.throws(
    () => checker.checkJson([...json, ['COMI', 45.5, 100]], OPTIONS),
    (error: unknown) => error instanceof FrameTooLargeError,
  );
});

test('a good frame is passed on as it came', () => {
  const bytes = frame([row(COMI, PRICE, VOLUME, TIME), row(COMI, PRICE, VOLUME, TIME)]);
  const checked = checkBytes(bytes);
  assert.ok(checked.rows.equals(bytes));
});

const WRONG: ReadonlyArray<readonly [what: string, bytes: Buffer]> = [
  ['a map for the ticks', hex('80')],
  ['a nil for the ticks', hex('c0')],
  ['a map for a tick', hex('91 80')],
  ['a number for a tick', hex('91 01')],
  ['two fields', frame([row(COMI, PRICE)])],
  ['five fields', frame([row(COMI, PRICE, VOLUME, TIME, TIME)])],
  ['no field', hex('91 90')],
  ['an array for a price', frame([row(COMI, hex('90'), VOLUME, TIME)])],
  ['a map for a symbol', frame([row(hex('80'), PRICE, VOLUME, TIME)])],
  ['a binary for a symbol', frame([row(hex('c4 01 41'), PRICE, VOLUME, TIME)])],
  ['an extension for a time', frame([row(COMI, PRICE, VOLUME, hex('d6 01 00 00 00 00'))])],
  ['a time that is text, but not UTF-8', frame([row(COMI, PRICE, VOLUME, hex('a2 ff fe'))])],
  ['more ticks than there are', hex('93 94 a1 41 01 01 c0')],
  ['4,000 ticks in 3 bytes', hex('dc 0f a0')],
];
for (const [what, bytes] of WRONG) {
  test(`wrong structure: ${what}`, () => {
    assert.throws(
      () => checkBytes(bytes),
      (error: unknown) => error instanceof BadFrameError,
    );
  });
}

const WRONG_JSON: ReadonlyArray<readonly [what: string, rows: readonly unknown[]]> = [
  ['a map for a tick', [{}]],
  ['a number for a tick', [1]],
  ['nothing for a tick', [null]],
  ['two fields', [['COMI', 1]]],
  ['five fields', [['COMI', 1, 1, NOW, 1]]],
  ['an array for a price', [['COMI', [1], 1]]],
  ['a map for a time', [['COMI', 1, 1, {}]]],
];
for (const [what, rows] of WRONG_JSON) {
  test(`wrong structure in JSON: ${what}`, () => {
    assert.throws(
      () => checker.checkJson(rows, OPTIONS),
      (error: unknown) => error instanceof BadFrameError,
    );
  });
}

for (const [name, bytes] of BOMBS) {
  for (const [where, wrapped] of [
    ['the ticks', bytes],
    ['a tick', Buffer.concat([hex('91'), bytes])],
    ['a symbol', Buffer.concat([hex('91 94'), bytes])],
    ['a time', Buffer.concat([hex('91 94'), COMI, PRICE, VOLUME, bytes])],
  ] as const) {
    test(`refused at once in the place of ${where}: ${name}`, () => {
      const startMs = cpuMs();
      assert.throws(
        () => checker.checkMsgpack(new MsgpackReader(wrapped), OPTIONS),
        (error: unknown) => error instanceof BadFrameError || error instanceof FrameTooLargeError,
      );
      assert.ok(cpuMs() - startMs < MAX_BOMB_MS);
    });
  }
}

test('cut short at every byte', () => {
  const bytes = frame([
    row(first(textForms('X'.repeat(40))), PRICE, VOLUME, iso('2025-12-01T08:00:00Z')),
    row(COMI, float32(1), first(intForms(70_000n)), first(timestampForms(1n, 1))),
  ]);
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(
      () => checker.checkMsgpack(new MsgpackReader(bytes.subarray(0, length)), OPTIONS),
      (error: unknown) => error instanceof BadFrameError,
      `cut to ${length}`,
    );
  }
});

/** A valid tick with its fields in whatever form msgpack has for them. */
const anyTick = fc
  .record(
    {
      symbol: fc.stringMatching(/^[A-Za-z0-9._:~=^+/-]{1,32}$/),
      price: fc.double({ min: Number.MIN_VALUE, max: 1e12, maxExcluded: true, noNaN: true }),
      volume: fc.oneof(
        fc.integer({ min: 0, max: 300 }),
        fc.maxSafeNat().map((n) => n % (1e12 + 1)),
      ),
      timeMicros: fc.integer({ min: NOW - 300 * DAY_MICROS, max: NOW + MAX_FUTURE_MICROS }),
    },
    { noNullPrototype: true },
  )
  .chain((tick) =>
    fc.record({
      tick: fc.constant(tick),
      bytes: fc
        .tuple(
          anyOf(arrayHeaders(4)),
          anyOf(textForms(tick.symbol)),
          anyOf([float64(tick.price), ...(Number.isInteger(tick.price) ? intForms(BigInt(tick.price)) : [])]),
          anyOf([float64(tick.volume), ...intForms(BigInt(tick.volume))]),
          anyOf([
            float64(tick.timeMicros),
            ...intForms(BigInt(tick.timeMicros)),
            ...timestampForms(BigInt(Math.floor(tick.timeMicros / 1e6)), (tick.timeMicros % 1e6) * 1_000 + 7),
            ...textForms(formatMicros(tick.timeMicros)).slice(0, 2),
          ]),
        )
        .map((parts) => Buffer.concat(parts)),
    }),
  );

test('valid ticks in any form are what the flush reads, in their order', () => {
  fc.assert(
    fc.property(fc.array(anyTick, { maxLength: 20 }), (ticks) => {
      const checked = checkBytes(frame(ticks.map((each) => each.bytes)));
      assert.equal(checked.rejected, []);
      assert.equal(
        ticksOf(checked),
        ticks.map((each) => each.tick),
      );
    }),
    { numRuns: 1_000 },
  );
});

test('both codecs say the same of the same ticks', () => {
  const field = fc.oneof(
    fc.constant('COMI'),
    fc.double(),
    fc.integer(),
    fc.constant(null),
    fc.boolean(),
    fc.constant(NOW),
    fc.constant('2025-12-01T08:00:00Z'),
  );
  const pack = (value: unknown): Buffer => {
    if (value === null) return hex('c0');
    if (typeof value === 'boolean') return value ? hex('c3') : hex('c2');
    return typeof value === 'string' ? first(textForms(value)) : float64(Number(value));
  };
  fc.assert(
    fc.property(fc.array(fc.tuple(field, field, field, field), { maxLength: 10 }), (rows) => {
      // JSON has no NaN and no infinity: they become null, and mean another thing as a time.
      fc.pre(rows.flat().every((value) => typeof value !== 'number' || Number.isFinite(value)));
      const fromMsgpack = checkBytes(frame(rows.map((fields) => row(...fields.map(pack)))));
      const fromJson = checker.checkJson(rows, OPTIONS);
      const reasons = (checked: CheckedTicks): unknown => checked.rejected.map((tick) => [tick.index, tick.reason]);
      assert.equal(reasons(fromMsgpack), reasons(fromJson));
      assert.equal(ticksOf(fromMsgpack), ticksOf(fromJson));
    }),
    { numRuns: 2_000 },
  );
});

test('any bytes are taken or refused, and what is taken can be read', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 60 }).map((each) => Buffer.from(each)),
    fc.tuple(fc.array(anyTick, { minLength: 1, maxLength: 3 }), fc.nat(), fc.nat(255)).map(([ticks, at, byte]) => {
      const whole = frame(ticks.map((each) => each.bytes));
      whole[at % whole.length] = byte;
      return whole;
    }),
  );
  fc.assert(
    fc.property(bytes, (message) => {
      let checked: CheckedTicks;
      try {
        checked = checker.checkMsgpack(new MsgpackReader(message), OPTIONS);
      } catch (error) {
        assert.ok(error instanceof BadFrameError || error instanceof FrameTooLargeError, String(error));
        return;
      }
      for (const tick of ticksOf(checked)) {
        assert.ok(tick.price > 0 && tick.price < 1e12, `price ${tick.price}`);
        assert.ok(Number.isInteger(tick.volume) && tick.volume >= 0 && tick.volume <= 1e12);
        assert.ok(Number.isInteger(tick.timeMicros) && tick.timeMicros >= MIN_TIME_MICROS);
        assert.match(tick.symbol, /^[A-Za-z0-9._:~=^+/-]{1,32}$/);
      }
    }),
    { numRuns: 5_000 },
  );
});
