import { encodeStreamEntry, type StreamEntry } from '../../src/stream/stream-entry.ts';
import { ByteWriter } from '../../src/market/byte-writer.ts';
import type { Tick } from '../../src/market/tick.ts';
import type { RawLiveEntry } from '../../src/stream/live-message.ts';

/** Canonical rows, as the gateway puts them into the buffer. */
export function rowsOf(ticks: readonly Tick[]): Buffer {
  const out = new ByteWriter();
  out.msgpackArrayHeader(ticks.length);
  for (const { symbol, price, volume, timeMicros } of ticks) {
    out.msgpackArrayHeader(4);
    out.msgpackShortString(Buffer.from(symbol));
    out.msgpackDouble(price);
    out.msgpackUint(volume);
    out.msgpackUint(timeMicros);
  }
  return out.copy();
}

export function entryOf(seq: number, ticks: readonly Tick[], feed = 'feed'): StreamEntry {
  const rows = rowsOf(ticks);
  return {
    feed,
    writer: 'writer',
    live: true,
    acceptedAtMs: seq,
    frames: [{ seq, prev: seq - 1, skip: false, count: ticks.length, rows, rejected: [] }],
  };
}

export function entryBytes(seq: number, ticks: readonly Tick[] = []): Buffer {
  return encodeStreamEntry(entryOf(seq, ticks));
}

export function liveEntry(liveSeq: number, dataBytes: number): RawLiveEntry {
  return { id: `${liveSeq}-0`, liveSeq, shownUpTo: 0, data: Buffer.alloc(dataBytes) };
}

/** A tick whose time grows with its price. */
export function tickOf(symbol: string, price: number): Tick {
  return { symbol, price, volume: 1, timeMicros: 1_764_000_000_000_000 + price };
}
