import * as assert from 'uvu/assert';
import type { LiveSocket } from '../../../src/fanout/fanout-ports.ts';
import { type DroppedTicks, LiveOutbox, type SharedTicks } from '../../../src/fanout/delivery/live-outbox.ts';
import { RowList } from '../../../src/base/row-list.ts';
import { positionElement } from '../../../src/fanout/frames/fragment-writer.ts';
import { TickEncoder } from '../../../src/fanout/frames/tick-encoder.ts';
import { SymbolTable } from '../../../src/market/symbol-table.ts';
import { TickColumns } from '../../../src/market/tick-columns.ts';
import { suite } from '../../support/suite.ts';
import { rowsOf } from '../entries.ts';
import { openFrame } from '../open-frame.ts';

const test = suite('LiveOutbox');
const QUEUE_BYTES = 8_000;
const SLOW_MS = 1_000;

/** A peer that reads when it is told to. */
class Peer implements LiveSocket {
  bufferedAmount = 0;
  readonly got: Array<Record<string, unknown>> = [];
  frames = 0;
  reads = true;

  sendFrame(frame: Buffer): void {
    this.frames += 1;
    if (!this.reads) this.bufferedAmount += frame.length;
    this.got.push(...openFrame(frame, 'json'));
  }

  pause(): void {}
  resume(): void {}
  close(): void {}
  terminate(): void {}

  get prices(): unknown[] {
    return this.got.filter(({ T }) => T === 't').map(({ p }) => p);
  }
}

const table = new SymbolTable();
const encoder = new TickEncoder('json');
let nowMs = 0;

/** Ticks of symbols `S0 …`, one each, at this price. */
function shared(symbols: number, price: number, timeMicros = price * 1e6 + 1e15): SharedTicks {
  const columns = new TickColumns(table);
  const rows = rowsOf(Array.from({ length: symbols }, (_, at) => ({ symbol: `S${at}`, price, volume: 1, timeMicros })));
  columns.appendRows(rows, 0, rows.length);
  encoder.begin(columns);
  const position = positionElement('json', `at.${price}`);
  const all = RowList.range(0, symbols);
  const frame = encoder.frame(all, position);
  return { frame, columns, rows: all, fromRow: 0, toRow: symbols, position, fromMs: price, toMs: price };
}

function outbox(peer: Peer): {
  readonly box: LiveOutbox;
  readonly dropped: DroppedTicks[];
  readonly counts: { sent: number; dropped: number };
} {
  const dropped: DroppedTicks[] = [];
  const counts = { sent: 0, frames: 0, bytes: 0, dropped: 0 };
  const box = new LiveOutbox({
    socket: peer,
    codec: 'json',
    queueBytes: QUEUE_BYTES,
    slowMs: SLOW_MS,
    counts,
    onDropped: (each) => dropped.push(each),
    onSlow: () => undefined,
  });
  return { box, dropped, counts };
}

test('a peer that reads gets every frame as it is', () => {
  const peer = new Peer();
  const { box } = outbox(peer);
  for (const price of [1, 2, 3]) box.offer(shared(2, price), nowMs);
  assert.equal(peer.prices, [1, 1, 2, 2, 3, 3]);
  assert.is(box.isHolding, false);
});

test('all: bytes stay below the bound, what is dropped is counted, told once, and then ticks go on', () => {
  const peer = new Peer();
  const { box, dropped, counts } = outbox(peer);
  peer.reads = false;
  for (let price = 1; price <= 100; price++) {
    box.offer(shared(10, price), nowMs);
    assert.ok(peer.bufferedAmount <= QUEUE_BYTES, `${peer.bufferedAmount} bytes`);
  }
  const received = peer.prices.length;
  assert.ok(received > 0 && box.isHolding);
  assert.is(box.pump(nowMs), 'ok');
  assert.equal(dropped, []);
  peer.bufferedAmount = QUEUE_BYTES / 2;
  assert.is(box.pump(nowMs + 10), 'ok');
  const first = received / 10 + 1;
  assert.equal(dropped, [{ count: 1_000 - received, fromMs: first, toMs: 100 }]);
  assert.equal([counts.sent, counts.dropped], [received, 1_000 - received]);
  peer.reads = true;
  peer.bufferedAmount = 0;
  box.offer(shared(1, 101), nowMs);
  assert.is(peer.prices.at(-1), 101);
});

test('all: one that makes no room is slow after its time, and not before', () => {
  const peer = new Peer();
  const { box } = outbox(peer);
  peer.reads = false;
  for (let price = 1; price <= 100; price++) box.offer(shared(10, price), nowMs);
  assert.is(box.pump(0), 'ok');
  assert.is(box.pump(SLOW_MS - 1), 'ok');
  assert.is(box.pump(SLOW_MS), 'slow');
});

test('a frame larger than the whole bound goes when nothing waits', () => {
  const peer = new Peer();
  const { box } = outbox(peer);
  box.offer(shared(500, 1), nowMs);
  assert.is(peer.prices.length, 500);
});

test('latest: the newest of each symbol by time, once the peer reads; with the last position', () => {
  const peer = new Peer();
  const { box, dropped } = outbox(peer);
  box.configure('latest', 0, nowMs);
  peer.reads = false;
  for (let price = 1; price <= 50; price++) box.offer(shared(3, price), nowMs);
  box.offer(shared(2, 51, 1e15), nowMs);
  const before = peer.prices.length;
  assert.ok(before < 60, `${before} before it was held`);
  peer.bufferedAmount = 0;
  peer.reads = true;
  box.pump(nowMs);
  assert.equal(peer.prices.slice(before), [50, 50, 50]);
  assert.equal(peer.got.at(-1), { T: 'pos', at: 'at.51' });
  assert.equal(dropped, []);
  assert.is(box.isHolding, false);
});

test('latest: slow means no progress at all; a slow reader that reads on is kept', () => {
  const peer = new Peer();
  const { box } = outbox(peer);
  box.configure('latest', 0, nowMs);
  peer.reads = false;
  for (let price = 1; price <= 50; price++) box.offer(shared(3, price), nowMs);
  peer.bufferedAmount = QUEUE_BYTES;
  for (let at = 0; at < 10 * SLOW_MS; at += SLOW_MS / 2) {
    assert.is(box.pump(at), 'ok');
    peer.bufferedAmount -= 10;
  }
  const stillMs = 10 * SLOW_MS;
  assert.is(box.pump(stillMs), 'ok');
  assert.is(box.pump(stillMs + SLOW_MS), 'slow');
});

test('maxHz: arrays keep their distance; all keeps, latest replaces', () => {
  for (const mode of ['all', 'latest'] as const) {
    const peer = new Peer();
    const { box } = outbox(peer);
    box.configure(mode, 10, 0);
    for (let ms = 0; ms < 1_000; ms++) {
      if (ms % 5 === 0) box.offer(shared(1, ms + 1), ms);
      box.pump(ms);
    }
    box.pump(2_000);
    assert.ok(peer.frames >= 10 && peer.frames <= 11, `${peer.frames} frames`);
    assert.is(peer.prices.length, mode === 'all' ? 200 : peer.frames);
    assert.is(peer.prices.at(-1), 996);
    assert.is(peer.got.at(-1)?.['at'], 'at.996');
  }
});

test('maxHz: pending ticks are bounded too', () => {
  const peer = new Peer();
  const { box, dropped } = outbox(peer);
  box.configure('all', 0.1, 0);
  box.offer(shared(1, 1), 0);
  box.pump(0);
  for (let price = 2; price < 1_000; price++) {
    box.offer(shared(10, price), 1);
    assert.ok(box.waitingBytes <= QUEUE_BYTES);
  }
  box.pump(20_000);
  const total = peer.prices.length + dropped.reduce((sum, { count }) => sum + count, 0);
  assert.is(total, 1 + 998 * 10);
});

test('leaving maxHz sends what was pending, in order', () => {
  const peer = new Peer();
  const { box } = outbox(peer);
  box.configure('all', 1, 0);
  for (const price of [1, 2, 3]) box.offer(shared(1, price), 0);
  box.configure('all', 0, 0);
  box.offer(shared(1, 4), 0);
  assert.equal(peer.prices, [1, 2, 3, 4]);
});
