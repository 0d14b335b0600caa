import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { FragmentBuffer } from '../../../src/fanout/frames/fragment-buffer.ts';
import { positionElement } from '../../../src/fanout/frames/fragment-writer.ts';
import { TickEncoder } from '../../../src/fanout/frames/tick-encoder.ts';
import { joinedFrame, webSocketFrame } from '../../../src/protocol/array-frame.ts';
import type { MinuteBar } from '../../../src/market/minute-bar.ts';
import { MIN_TIME_MICROS, type Tick } from '../../../src/market/tick.ts';
import { TickColumns } from '../../../src/market/tick-columns.ts';
import type { CodecName } from '../../../src/protocol/version.ts';
import { suite } from '../../support/suite.ts';
import { listOf } from '../row-lists.ts';
import { rowsOf } from '../entries.ts';
import { openFrame, payloadOf } from '../open-frame.ts';

const test = suite('ticks and bars on the wire');
const CODECS: readonly CodecName[] = ['json', 'msgpack'];

const BAR: MinuteBar = {
  symbol: 'COMI',
  minuteMicros: 1_764_583_200_000_000,
  open: 107.5,
  high: 108,
  low: 107,
  close: 107.79,
  volume: 3_000_000_000,
  trades: 70_000,
  turnoverMillionths: 323_370_000_000_000_000,
  openMicros: 1_764_583_200_000_001,
  closeMicros: 1_764_583_259_999_999,
};

const anyTick: fc.Arbitrary<Tick> = fc.record({
  symbol: fc.stringMatching(/^[A-Za-z0-9._:~=^+/-]{1,32}$/),
  price: fc.oneof(fc.double({ min: 1e-9, max: 1e11, noNaN: true }), fc.integer({ min: 1, max: 100_000 })),
  volume: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 1e12 })),
  timeMicros: fc.integer({ min: MIN_TIME_MICROS, max: 4e15 }),
});

function columnsOf(ticks: readonly Tick[]): TickColumns {
  const columns = new TickColumns();
  const rows = rowsOf(ticks);
  columns.appendRows(rows, 0, rows.length);
  return columns;
}

const onWire = ({ symbol, price, volume, timeMicros }: Tick): object => ({
  T: 't',
  S: symbol,
  p: price,
  s: volume,
  t: timeMicros,
});

for (const codec of CODECS) {
  test(`${codec}: any ticks, any choice of them, whole or in part: each arrives as it was`, () => {
    const encoder = new TickEncoder(codec);
    fc.assert(
      fc.property(fc.array(anyTick, { minLength: 1, maxLength: 40 }), fc.array(fc.nat(39)), (ticks, picks) => {
        encoder.begin(columnsOf(ticks));
        encoder.encodeThrough(ticks.length);
        const rows = picks.filter((row) => row < ticks.length);
        const whole = encoder.rangeFrame(0, ticks.length);
        assert.equal(openFrame(whole.bytes, codec), ticks.map(onWire));
        assert.equal(whole.count, ticks.length);
        if (rows.length === 0) return;
        const some = encoder.frame(listOf(rows), positionElement(codec, 'a.b'));
        const expected = rows.map((row) => onWire(ticks[row] ?? fail()));
        assert.equal(openFrame(some.bytes, codec), [...expected, { T: 'pos', at: 'a.b' }]);
        const body = some.bytes.subarray(some.bodyStart, some.bodyEnd);
        const joined = joinedFrame(codec, [body, body], rows.length * 2);
        assert.equal(openFrame(joined.bytes, codec), [...expected, ...expected]);
        assert.equal(joined.bytes.subarray(joined.bodyStart, joined.bodyEnd), joinedBodies(codec, body));
        const withTail = joinedFrame(codec, [body], rows.length, positionElement(codec, 'c'));
        assert.equal(openFrame(withTail.bytes, codec), [...expected, { T: 'pos', at: 'c' }]);
      }),
      { numRuns: 300 },
    );
  });

  test(`${codec}: a slice after another in one batch`, () => {
    const encoder = new TickEncoder(codec);
    const ticks = Array.from({ length: 600 }, (_, at) => ({
      symbol: `S${at}`,
      price: at + 0.5,
      volume: at,
      timeMicros: MIN_TIME_MICROS + at,
    }));
    encoder.begin(columnsOf(ticks));
    encoder.encodeThrough(ticks.length);
    assert.equal(openFrame(encoder.frame(listOf([3])).bytes, codec).length, 1);
    assert.equal(openFrame(encoder.rangeFrame(300, 600).bytes, codec), ticks.slice(300).map(onWire));
    assert.equal(openFrame(encoder.rangeFrame(300, 600).bytes, codec), ticks.slice(300).map(onWire));
  });

  test(`${codec}: all fragments in frames of a bounded number, the tail behind the last`, () => {
    const fragments = new FragmentBuffer(codec);
    assert.equal(fragments.allFrames(2), []);
    for (let slot = 0; slot < 5; slot++) fragments.writeBar(slot, 'b', { ...BAR, trades: slot });
    const frames = fragments.allFrames(2, positionElement(codec, 'p'));
    assert.equal(
      frames.map(({ count }) => count),
      [2, 2, 1],
    );
    const elements = frames.flatMap(({ bytes }) => openFrame(bytes, codec));
    assert.equal(
      elements.map(({ T, n }) => (T === 'b' ? n : T)),
      [0, 1, 2, 3, 4, 'pos'],
    );
    fragments.clear();
    assert.is(fragments.isWritten(0), false);
  });

  test(`${codec}: bars of the largest and smallest ticks that are valid, and sums beyond 64 bits`, () => {
    const fragments = new FragmentBuffer(codec);
    const largest = { ...BAR, symbol: 'X'.repeat(32), open: 1e12 - 2 ** -13, high: 1e12 - 2 ** -13 };
    const bars = [2 ** 53, 2 ** 53 + 2, 2 ** 64 - 2 ** 11, 2 ** 64, 1e21, 1.234_567_890_123_456e30].map((volume) => ({
      ...largest,
      low: Number.MIN_VALUE,
      close: 2.225_073_858_507_201e-308,
      volume,
      trades: Number.MAX_SAFE_INTEGER,
      turnoverMillionths: volume * 1e18,
    }));
    bars.forEach((bar, slot) => fragments.writeBar(slot, 'u', bar));
    const elements = fragments.allFrames(100).flatMap(({ bytes }) => openFrame(bytes, codec));
    const numbers = elements.map(({ o, h, l, c, v, n, vw }) => [o, h, l, c, v, n, vw].map(Number));
    assert.equal(
      numbers,
      bars.map(({ open, high, low, close, volume, trades, turnoverMillionths }) => [
        open,
        high,
        low,
        close,
        volume,
        trades,
        turnoverMillionths / 1e6 / volume,
      ]),
    );
  });

  test(`${codec}: frame headers at every length where they change`, () => {
    for (const length of [0, 1, 125, 126, 127, 65_535, 65_536, 70_000]) {
      assert.equal(payloadOf(webSocketFrame(Buffer.alloc(length, 1), codec), codec), Buffer.alloc(length, 1));
    }
  });

  test(`${codec}: array headers at every count where they change`, () => {
    for (const count of [1, 15, 16, 65_535, 65_536]) {
      const fragments = new FragmentBuffer(codec);
      fragments.writeBar(0, 'b', BAR);
      const frame = fragments.frame(listOf(Array.from({ length: count }, () => 0)));
      assert.is(openFrame(frame.bytes, codec).length, count);
    }
  });

  test(`${codec}: a bar, with and without volume; T first`, () => {
    const fragments = new FragmentBuffer(codec);
    fragments.writeBar(0, 'b', BAR);
    fragments.writeBar(1, 'u', { ...BAR, volume: 0 });
    const [full, empty] = openFrame(fragments.frame(listOf([0, 1])).bytes, codec);
    const { open: o, high: h, low: l, close: c, volume: v, trades: n, minuteMicros: t } = BAR;
    const vw = BAR.turnoverMillionths / 1e6 / v;
    assert.equal(full, { T: 'b', S: 'COMI', o, h, l, c, v, n, vw, t });
    assert.equal(empty, { T: 'u', S: 'COMI', o, h, l, c, v: 0, n, t });
    assert.is(Object.keys(full ?? {})[0], 'T');
  });
}

function joinedBodies(codec: CodecName, body: Buffer): Buffer {
  return codec === 'json' ? Buffer.concat([body, Buffer.from(','), body]) : Buffer.concat([body, body]);
}

function fail(): never {
  throw new Error('no such row');
}
