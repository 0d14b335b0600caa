import type { RowList } from '../../base/row-list.ts';
import type { SymbolTable } from '../../market/symbol-table.ts';
import type { TickColumns } from '../../market/tick-columns.ts';
import { type ArrayFrame, joinedFrame } from '../../protocol/array-frame.ts';
import type { LiveMode } from '../../protocol/live-request.ts';
import type { CodecName } from '../../protocol/version.ts';
import type { LiveSocket } from '../fanout-ports.ts';
import { FragmentBuffer } from '../frames/fragment-buffer.ts';

/** Ticks that go to all dashboards of one subscriber group. */
export interface SharedTicks {
  readonly frame: ArrayFrame;
  readonly columns: TickColumns;
  /** Which rows of the columns, valid during the call; undefined: all from `fromRow` up to `toRow`. */
  readonly rows: RowList | undefined;
  readonly fromRow: number;
  readonly toRow: number;
  /** `pos` after these ticks, as an element; also stands at the frame's end. */
  readonly position: Buffer | undefined;
  /** When they were accepted, milliseconds since the epoch. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** Running totals over all dashboards; a tick counts once for each that it goes to. */
export interface DeliveryCounts {
  sent: number;
  frames: number;
  bytes: number;
  dropped: number;
}

/** Ticks that a dashboard did not get. */
export interface DroppedTicks {
  readonly count: number;
  readonly fromMs: number;
  readonly toMs: number;
}

export interface OutboxOptions {
  readonly socket: LiveSocket;
  readonly codec: CodecName;
  /** At most so many bytes wait for the peer. */
  readonly queueBytes: number;
  /** Slow timeout: a peer that leaves them there for longer is cut. */
  readonly slowMs: number;
  readonly counts: DeliveryCounts;
  /** The peer reads again: says which ticks it did not get. */
  readonly onDropped: (dropped: DroppedTicks) => void;
  /** The peer has not read for too long: its connection is to be closed. */
  readonly onSlow: () => void;
}

interface HeldTick {
  price: number;
  volume: number;
  timeMicros: number;
}

/** Conflation threshold: from so many waiting bytes on, a `latest` dashboard gets only the newest tick of each symbol. */
const MAX_CONFLATE_BYTES = 64 * 1024;
const MAX_TICKS_A_FRAME = 512;
const NO_PAUSE_MS = 0;
const CONFLATED = { json: new FragmentBuffer('json'), msgpack: new FragmentBuffer('msgpack') };

/**
 * Send queue of one dashboard, bounded in bytes. Beyond the bound it conflates for `latest` dashboards, which get the
 * newest tick per symbol as soon as they read again, and drops for `all` dashboards, which get a count of the ticks
 * missed. A dashboard that stays full is to be cut.
 */
export class LiveOutbox {
  readonly #options: OutboxOptions;
  readonly #conflateBytes: number;
  #mode: LiveMode = 'all';
  #pauseMs = NO_PAUSE_MS;
  #nextSendMs = 0;
  #held = new Map<number, HeldTick>();
  #heldTable: SymbolTable | undefined;
  #heldBodies: Buffer[] = [];
  #heldCount = 0;
  #heldBytes = 0;
  #heldFromMs = 0;
  #heldToMs = 0;
  #heldPosition: Buffer | undefined;
  #dropped: { count: number; fromMs: number; toMs: number } | undefined;
  /** Since when the peer has not made room, and how full it was then. */
  #fullSinceMs: number | undefined;
  #fullBytes = 0;
  #lastSendMs = 0;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#conflateBytes = Math.min(MAX_CONFLATE_BYTES, options.queueBytes / 4);
  }

  /** Whether ticks wait here, or are being dropped: `pump` is to be called. */
  get isHolding(): boolean {
    return this.#held.size > 0 || this.#heldCount > 0 || this.#dropped !== undefined;
  }

  get lastSendMs(): number {
    return this.#lastSendMs;
  }

  get waitingBytes(): number {
    return this.#options.socket.bufferedAmount + this.#heldBytes;
  }

  /** Backpressure: `room` when the peer has read enough for more, `slow` when it has not for too long. */
  checkRoom(nowMs: number): 'room' | 'full' | 'slow' {
    if (this.#options.socket.bufferedAmount <= this.#options.queueBytes / 4 && this.#heldCount === 0) {
      this.#fullSinceMs = undefined;
      return 'room';
    }
    return this.#checkStalled(nowMs) === 'slow' ? 'slow' : 'full';
  }

  /** @param maxHz at most so many arrays of ticks a second; 0: no limit */
  configure(mode: LiveMode, maxHz: number, nowMs: number): void {
    if (mode !== this.#mode || maxHz === 0) this.#release(nowMs);
    this.#mode = mode;
    this.#pauseMs = maxHz === 0 ? NO_PAUSE_MS : 1_000 / maxHz;
  }

  /** Sends anything but ticks. @returns false when the peer must be cut instead: it asks and does not read */
  sendControl(frame: Buffer, nowMs: number): boolean {
    if (this.#options.socket.bufferedAmount > this.#options.queueBytes * 2) return false;
    this.#send(frame, nowMs);
    return true;
  }

  /** Sends ticks, or holds or drops them. */
  offer(ticks: SharedTicks, nowMs: number): void {
    if (this.#dropped !== undefined) return this.#drop(ticks.frame.count, ticks.fromMs, ticks.toMs);
    const waiting = this.#options.socket.bufferedAmount;
    if (this.#mode === 'latest') {
      if (this.#pauseMs > 0 || this.#held.size > 0 || waiting > this.#conflateBytes) return this.#conflate(ticks);
    } else if (this.#pauseMs > 0) return this.#addPending(ticks);
    if (waiting > 0 && waiting + ticks.frame.bytes.length > this.#options.queueBytes) {
      if (this.#mode === 'latest') return this.#conflate(ticks);
      return this.#drop(ticks.frame.count, ticks.fromMs, ticks.toMs);
    }
    this.#sendTicks(ticks.frame.bytes, ticks.frame.count, nowMs);
  }

  /**
   * Sends held ticks as far as the peer reads.
   * @returns `slow` when the peer has not read for too long
   */
  pump(nowMs: number): 'ok' | 'slow' {
    if (this.#dropped !== undefined) return this.#pumpDropped(nowMs);
    if (nowMs < this.#nextSendMs) return 'ok';
    if (this.#heldCount > 0) this.#sendPending(nowMs);
    if (this.#held.size > 0) {
      if (this.#options.socket.bufferedAmount > this.#conflateBytes) return this.#checkStalled(nowMs);
      this.#sendConflated(nowMs);
    }
    this.#fullSinceMs = undefined;
    return 'ok';
  }

  /** Closes the connection as slow, after `pump` said so. */
  cutSlow(): void {
    this.#options.onSlow();
  }

  #pumpDropped(nowMs: number): 'ok' | 'slow' {
    const dropped = this.#dropped;
    if (dropped === undefined || this.#options.socket.bufferedAmount > this.#options.queueBytes / 2) {
      this.#fullSinceMs ??= nowMs;
      return nowMs - this.#fullSinceMs >= this.#options.slowMs ? 'slow' : 'ok';
    }
    this.#dropped = undefined;
    this.#fullSinceMs = undefined;
    this.#options.onDropped(dropped);
    return 'ok';
  }

  /** Stall detection: a conflated peer that reads slowly costs nothing more, so only one that reads nothing is cut. */
  #checkStalled(nowMs: number): 'ok' | 'slow' {
    const waiting = this.#options.socket.bufferedAmount;
    if (this.#fullSinceMs === undefined || waiting < this.#fullBytes) {
      this.#fullSinceMs = nowMs;
      this.#fullBytes = waiting;
    }
    return nowMs - this.#fullSinceMs >= this.#options.slowMs ? 'slow' : 'ok';
  }

  #drop(count: number, fromMs: number, toMs: number): void {
    this.#options.counts.dropped += count;
    if (this.#dropped === undefined) this.#dropped = { count, fromMs, toMs };
    else {
      this.#dropped.count += count;
      this.#dropped.toMs = toMs;
    }
  }

  #conflate({ columns, rows, fromRow, toRow, position }: SharedTicks): void {
    this.#heldTable = columns.symbolTable;
    this.#heldPosition = position;
    if (rows === undefined) for (let row = fromRow; row < toRow; row++) this.#holdNewest(columns, row);
    else for (let index = 0; index < rows.length; index++) this.#holdNewest(columns, rows.at(index));
  }

  #holdNewest(columns: TickColumns, row: number): void {
    const symbol = columns.symbol[row] ?? 0;
    const timeMicros = columns.timeMicros[row] ?? 0;
    const held = this.#held.get(symbol);
    if (held !== undefined && held.timeMicros > timeMicros) return;
    this.#held.set(symbol, { price: columns.price[row] ?? 0, volume: columns.volume[row] ?? 0, timeMicros });
  }

  #addPending({ frame, position, fromMs, toMs }: SharedTicks): void {
    if (this.#heldBytes + frame.bytes.length > this.#options.queueBytes) {
      const count = this.#heldCount + frame.count;
      const since = this.#heldCount > 0 ? this.#heldFromMs : fromMs;
      this.#forgetPending();
      return this.#drop(count, since, toMs);
    }
    if (this.#heldCount === 0) this.#heldFromMs = fromMs;
    this.#heldToMs = toMs;
    this.#heldBodies.push(frame.bytes.subarray(frame.bodyStart, frame.bodyEnd));
    this.#heldCount += frame.count;
    this.#heldBytes += frame.bodyEnd - frame.bodyStart;
    this.#heldPosition = position;
  }

  #forgetPending(): void {
    this.#heldBodies = [];
    this.#heldCount = 0;
    this.#heldBytes = 0;
  }

  #sendPending(nowMs: number): void {
    const bodies = this.#heldBodies;
    const [count, fromMs, toMs] = [this.#heldCount, this.#heldFromMs, this.#heldToMs];
    const waiting = this.#options.socket.bufferedAmount;
    const isFull = waiting > 0 && waiting + this.#heldBytes > this.#options.queueBytes;
    this.#forgetPending();
    if (isFull) return this.#drop(count, fromMs, toMs);
    const frame = joinedFrame(this.#options.codec, bodies, count, this.#heldPosition);
    this.#sendTicks(frame.bytes, count, nowMs);
  }

  #sendConflated(nowMs: number): void {
    const table = this.#heldTable;
    if (table === undefined) return;
    const fragments = CONFLATED[this.#options.codec];
    fragments.clear();
    let slot = 0;
    for (const [symbol, held] of this.#held) {
      const names = { symbol: table.names[symbol] ?? '', symbolBytes: table.bytesOf(symbol) };
      fragments.writeTick(slot++, 't', { ...held, ...names });
    }
    this.#held = new Map();
    for (const frame of fragments.allFrames(MAX_TICKS_A_FRAME, this.#heldPosition)) {
      this.#sendTicks(frame.bytes, frame.count, nowMs);
    }
  }

  /** Sends held ticks at once, before the pace changes. */
  #release(nowMs: number): void {
    if (this.#heldCount > 0) this.#sendPending(nowMs);
    if (this.#held.size > 0) this.#sendConflated(nowMs);
  }

  #sendTicks(frame: Buffer, count: number, nowMs: number): void {
    this.#nextSendMs = nowMs + this.#pauseMs;
    const { counts } = this.#options;
    counts.sent += count;
    counts.frames += 1;
    counts.bytes += frame.length;
    this.#send(frame, nowMs);
  }

  #send(frame: Buffer, nowMs: number): void {
    this.#lastSendMs = nowMs;
    this.#options.socket.sendFrame(frame);
  }
}
