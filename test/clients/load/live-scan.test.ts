import { Packr } from 'msgpackr';
import * as assert from 'uvu/assert';
import { scanLive } from '../../../clients/load/live-scan.ts';
import { separatorLength } from '../../../src/protocol/array-frame.ts';
import { fragmentWriter } from '../../../src/fanout/frames/fragment-writer.ts';
import { BadFrameError } from '../../../src/market/bad-frame-error.ts';
import type { CodecName } from '../../../src/protocol/version.ts';
import { suite } from '../../support/suite.ts';

interface Scanned {
  readonly ticks: unknown[];
  readonly dropped: number[];
  readonly others: unknown[];
}

function scan(bytes: Buffer, codec: CodecName): Scanned {
  const scanned: Scanned = { ticks: [], dropped: [], others: [] };
  scanLive(bytes, codec, {
    tick: (...fields) => scanned.ticks.push(fields),
    gap: (dropped) => scanned.dropped.push(dropped),
    other: (message) => scanned.others.push(message),
  });
  return scanned;
}

const TICKS = [
  { symbol: 'LOAD-0', volume: 0, timeMicros: 1_764_576_000_000_001, price: 0.01 },
  { symbol: 'LOAD-249', volume: 127, timeMicros: 1_764_576_000_000_999, price: 81.55 },
  { symbol: 'LOAD-7', volume: 128, timeMicros: 1_764_576_000_500_000, price: 12 },
  { symbol: 'LOAD-12345', volume: 65_536, timeMicros: 1_764_576_000_999_999, price: 999.99 },
  { symbol: 'LOAD-1', volume: 2 ** 32 + 5, timeMicros: 1_764_576_001_000_000, price: 1e-3 },
];
const EXPECTED = TICKS.map((tick) => [Number(tick.symbol.slice(5)), tick.volume, tick.timeMicros, tick.price]);

function written(codec: CodecName, symbols: readonly string[]): Buffer {
  const writer = fragmentWriter(codec);
  symbols.forEach((symbol, index) => {
    const { volume = 0, timeMicros = 0, price = 0 } = TICKS[index % TICKS.length] ?? {};
    writer.tick('t', { symbol, symbolBytes: Buffer.from(symbol), price, volume, timeMicros });
  });
  const body = writer.bytes.subarray(0, writer.length - separatorLength(codec));
  return codec === 'json'
    ? Buffer.concat([Buffer.from('['), body, Buffer.from(']')])
    : Buffer.concat([Buffer.from([0x90 | symbols.length]), body]);
}

const test = suite('live scan');

for (const codec of ['msgpack', 'json'] as const) {
  test(`${codec} as the gateway writes it`, () => {
    const symbols = TICKS.map((tick) => tick.symbol);
    assert.equal(scan(written(codec, symbols), codec).ticks, EXPECTED);
  });

  test(`${codec}: symbols of others are passed over`, () => {
    const stale = ['COMI', 'LOAD', 'L', 'LOADX-1'];
    const { ticks, others } = scan(written(codec, [...stale, 'LOAD-3']), codec);
    assert.equal(
      ticks.map((tick) => (Array.isArray(tick) ? tick[0] : undefined)),
      [3],
    );
    assert.equal(others, []);
  });
}

test('msgpack in any other form is read too', () => {
  const packr = new Packr({ useRecords: false });
  const messages = [
    { T: 'gap', from: new Date(0), to: new Date(1), reason: 'slow', dropped: 17 },
    { T: 't', t: new Date(1_764_576_000_000), s: 5, p: 2, S: 'LOAD-9' },
    { T: 'subscription', trades: ['*'], bars: [] },
    { T: 'error', code: 407, msg: 'slow client' },
  ];
  const { ticks, dropped, others } = scan(packr.pack(messages), 'msgpack');
  assert.equal(ticks, [[9, 5, 1_764_576_000_000_000, 2]]);
  assert.equal(dropped, [17]);
  assert.equal(others, [{ T: 'subscription' }, { T: 'error', code: 407, msg: 'slow client' }]);
});

test('what is cut short is refused, not guessed', () => {
  const bytes = written('msgpack', ['LOAD-1', 'LOAD-2']);
  for (let length = 1; length < bytes.length; length++) {
    assert.throws(
      () => scan(bytes.subarray(0, length), 'msgpack'),
      (error: unknown) => error instanceof BadFrameError,
    );
  }
});
