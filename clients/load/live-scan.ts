import { TWO_32 } from '../../src/base/two-32.ts';
import { MsgpackReader } from '../../src/market/msgpack-reader.ts';
import { parseIsoMicros } from '../../src/market/tick.ts';
import type { CodecName } from '../../src/protocol/version.ts';
import { LOAD_SYMBOL_PREFIX } from './load-ticks.ts';

/** Bound here for speed, see two-32.ts. */
const HIGH_UNIT: number = TWO_32;

/** Receiver of the messages that a scan finds. */
export interface ScanSink {
  /** A tick of this load test: number of the symbol, number of the tick (its volume), its time. */
  tick(symbol: number, tick: number, timeMicros: number, price: number): void;
  /** Ticks that this subscriber did not get, said by the gateway. */
  gap(dropped: number): void;
  /** Anything else but ticks of others. */
  other(message: Readonly<Record<string, unknown>>): void;
}

const PREFIX_LENGTH = LOAD_SYMBOL_PREFIX.length;
const [PREFIX_WORD, PREFIX_LAST] = prefixWords();
const DIGIT_ZERO = 0x30;
/** `{T:"t", S:` with five pairs: seven bytes. */
const TRADE_HEAD = { start: 0x85_a1_54_a1, middle: 0x74_a1, last: 0x53, length: 7 } as const;

/**
 * Reads one message of `/v1/live`. A subscriber of a load test gets millions of ticks a second, so the form in which
 * our gateway writes them is read without building anything; any other form is read in the general way.
 * @throws {BadFrameError} where it is no message of the protocol
 */
export function scanLive(bytes: Buffer, codec: CodecName, sink: ScanSink): void {
  if (codec === 'json') return scanJson(bytes, sink);
  const reader = new MsgpackReader(bytes);
  for (let left = reader.arrayHeader(); left > 0; left--) {
    const end = scanTrade(bytes, reader.view, reader.pos, sink);
    if (end > 0) reader.pos = end;
    else dispatch(readMap(reader), sink);
  }
}

/** Reads a trade at `pos` as our gateway writes it. @returns where it ends, or 0 where something else stands */
function scanTrade(bytes: Buffer, view: DataView, pos: number, sink: ScanSink): number {
  // Shortest: head 7, symbol 1, price 11, volume 3, time 12.
  if (pos + 34 > bytes.length) return 0;
  if (view.getUint32(pos) !== TRADE_HEAD.start || view.getUint16(pos + 4) !== TRADE_HEAD.middle) return 0;
  if (bytes[pos + 6] !== TRADE_HEAD.last) return 0;
  let at = pos + TRADE_HEAD.length;
  const symbolByte = bytes[at] ?? 0;
  if ((symbolByte & 0xe0) !== 0xa0) return 0;
  const symbolAt = at + 1;
  const symbolEnd = symbolAt + (symbolByte & 0x1f);
  at = symbolEnd;
  if (at + 26 > bytes.length || bytes[at + 1] !== 0x70 || bytes[at + 2] !== 0xcb) return 0;
  const price = view.getFloat64(at + 3);
  at += 11;
  if (bytes[at + 1] !== 0x73) return 0;
  at += 2;
  const sizeByte = bytes[at] ?? 0;
  let size = sizeByte;
  if (sizeByte < 0x80) at += 1;
  else if (sizeByte === 0xcd) {
    size = view.getUint16(at + 1);
    at += 3;
  } else if (sizeByte === 0xce) {
    size = view.getUint32(at + 1);
    at += 5;
  } else return 0;
  if (at + 12 > bytes.length || bytes[at + 1] !== 0x74 || bytes[at + 2] !== 0xd7 || bytes[at + 3] !== 0xff) return 0;
  const high = view.getUint32(at + 4);
  const seconds = (high & 3) * HIGH_UNIT + view.getUint32(at + 8);
  const symbol = loadSymbolAt(bytes, view, symbolAt, symbolEnd);
  if (symbol >= 0) sink.tick(symbol, size, seconds * 1e6 + Math.floor((high >>> 2) / 1_000), price);
  return at + 12;
}

/** The symbol's number, or −1 for a symbol that is none of a load test. */
function loadSymbolAt(bytes: Buffer, view: DataView, start: number, end: number): number {
  if (end - start <= PREFIX_LENGTH || view.getUint32(start) !== PREFIX_WORD || bytes[start + 4] !== PREFIX_LAST)
    return -1;
  let number = 0;
  for (let at = start + PREFIX_LENGTH; at < end; at++) number = number * 10 + (bytes[at] ?? 0) - DIGIT_ZERO;
  return number;
}

function readMap(reader: MsgpackReader): Record<string, unknown> {
  const message: Record<string, unknown> = {};
  for (let pairs = reader.mapHeader(); pairs > 0; pairs--) {
    const key = reader.text();
    const byte = reader.peek();
    if (reader.isTimestamp()) message[key] = reader.timestampMicros();
    else if (byte === 0xc2 || byte === 0xc3) message[key] = reader.boolean();
    else if ((byte >= 0x80 && byte < 0xa0) || byte === 0xc0 || byte === 0xdc || byte === 0xde) reader.skip();
    else message[key] = reader.scalar();
  }
  return message;
}

function scanJson(bytes: Buffer, sink: ScanSink): void {
  const messages: unknown = JSON.parse(bytes.toString());
  if (!Array.isArray(messages)) return;
  for (const each of messages) {
    if (typeof each === 'object' && each !== null) dispatch({ ...each }, sink);
  }
}

function dispatch(message: Readonly<Record<string, unknown>>, sink: ScanSink): void {
  const { T, S, p, s, t } = message;
  if (T === 'gap') return sink.gap(Number(message['dropped'] ?? 0));
  if (T !== 't') return sink.other(message);
  if (typeof S !== 'string' || !S.startsWith(LOAD_SYMBOL_PREFIX)) return;
  const timeMicros = typeof t === 'string' ? parseIsoMicros(t) : Number(t);
  sink.tick(Number(S.slice(PREFIX_LENGTH)), Number(s), timeMicros, Number(p));
}

function prefixWords(): readonly [number, number] {
  const bytes = Buffer.from(LOAD_SYMBOL_PREFIX);
  return [bytes.readUInt32BE(0), bytes[4] ?? 0];
}
