import { AdaptiveDelay } from '../../base/adaptive-delay.ts';
import { type Clock, SYSTEM_CLOCK } from '../../base/clock.ts';
import type { SymbolTable } from '../../market/symbol-table.ts';
import { TickColumns } from '../../market/tick-columns.ts';
import type { CodecName } from '../../protocol/version.ts';
import type { FanoutObserver } from '../fanout-ports.ts';
import { TickEncoder } from '../frames/tick-encoder.ts';
import type { DeliveryCounts, LiveOutbox, SharedTicks } from './live-outbox.ts';
import { PendingEntries, type PendingEntry, type PendingPart } from './pending-entries.ts';
import {
  type DeliveryProfile,
  NOT_QUEUED,
  NOTHING_PENDING,
  type SubscriberGroup,
  SubscriberGroups,
} from './subscriber-groups.ts';

export interface TickDeliveryOptions {
  readonly symbolTable: SymbolTable;
  readonly observer: FanoutObserver;
  /** Longest time that ticks stay pending under load. */
  readonly coalesceMs: number;
  /** The system's where left out. */
  readonly clock?: Clock;
}

type Group = SubscriberGroup<LiveOutbox>;

/** At most so many rows are pending: beyond it all are delivered at once. */
const MAX_PENDING_TICKS = 16_384;
/** Time slice of delivery: then sockets and feeds get theirs. */
const TURN_MS = 1;
/** Bound here for speed, as in two-32.ts: it is compared for every tick. */
const NOTHING: number = NOTHING_PENDING;
/** At most about so many names of groups are moved at once, so that equal groups become one without a long turn. */
const MAX_NAMES_MERGED = 4_096;
/** Pump interval of outboxes that hold ticks. */
const PUMP_MS = 10;

/**
 * Tick delivery: each live tick is encoded once per codec and framed once per subscriber group. Groups with pending
 * ticks form a queue; each is served with all its ticks since its last turn, so that frames grow with the load and no
 * group waits for a whole round.
 */
export class TickDelivery implements Disposable {
  /** Columns of the pending ticks: an entry's rows are appended here before {@link add}. */
  readonly columns: TickColumns;
  /** Totals since they were observed last. */
  readonly counts: DeliveryCounts = { sent: 0, frames: 0, bytes: 0, dropped: 0 };
  readonly #options: TickDeliveryOptions;
  readonly #clock: Clock;
  readonly #groups = new SubscriberGroups<LiveOutbox>((group) => this.#flushGroup(group));
  readonly #delay: AdaptiveDelay;
  readonly #entries = new PendingEntries();
  readonly #encoders: Readonly<Record<CodecName, TickEncoder>> = {
    json: new TickEncoder('json'),
    msgpack: new TickEncoder('msgpack'),
  };
  readonly #holding = new Set<LiveOutbox>();
  /** Groups with pending ticks, longest waiting first, from `#served` on; one that is not `queuedAt` there was served. */
  #queue: Group[] = [];
  #served = 0;
  /** Groups that name a symbol, by its number. */
  readonly #naming: Array<readonly Group[] | undefined> = [];
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #stopPumping: (() => void) | undefined;

  constructor(options: TickDeliveryOptions) {
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#delay = new AdaptiveDelay(options.coalesceMs);
    this.columns = new TickColumns(options.symbolTable);
    this.#forgetPending();
  }

  /**
   * From here on the outbox gets the live ticks of its profile; pending ones still go out by the one before.
   * @param changed names that may have changed, where the profile has the same set of names as before
   */
  join(outbox: LiveOutbox, profile: DeliveryProfile, changed?: readonly string[]): void {
    this.#groups.join(outbox, profile, changed);
    this.watch(outbox);
  }

  /** Delivers pending ticks to the outbox now, and to those that get the same frames. */
  flushOf(outbox: LiveOutbox): void {
    const group = this.#groups.groupOf(outbox);
    if (group !== undefined) this.#flushGroup(group);
  }

  /** Groups that have become equal become one: called every now and then. */
  mergeGroups(): void {
    this.#groups.mergeEqual(MAX_NAMES_MERGED);
  }

  /** The outbox gets no more live ticks; those it holds are still sent. */
  leave(outbox: LiveOutbox): void {
    this.#groups.leave(outbox);
  }

  /** The outbox is closed. */
  remove(outbox: LiveOutbox): void {
    this.#groups.leave(outbox);
    this.#holding.delete(outbox);
  }

  /** An entry whose ticks were appended to {@link columns} as the rows from `fromRow` up to `toRow`. */
  add(entry: PendingEntry): void {
    const { fromRow, toRow } = entry;
    if (toRow === fromRow) return;
    const number = this.#entries.add(entry);
    for (const group of this.#groups.ofAll) this.#enqueue(group, number);
    const { symbol } = this.columns;
    for (let row = fromRow; row < toRow; row++) {
      for (const group of this.#groupsNaming(symbol[row] ?? 0)) {
        this.#enqueue(group, number);
        group.rows.push(row);
      }
    }
    if (this.#queue.length === 0) this.#forgetPending();
    else if (toRow >= MAX_PENDING_TICKS) this.flush();
    else this.#schedule(performance.now());
  }

  /** Delivers all pending ticks now: an outbox that joins afterwards begins behind them. */
  flush(): void {
    this.#deliver('all');
  }

  /** Pumps an outbox that may hold ticks, until it holds none. */
  watch(outbox: LiveOutbox): void {
    if (!outbox.isHolding) return;
    this.#holding.add(outbox);
    this.#stopPumping ??= this.#clock.every(PUMP_MS, () => this.#pump());
  }

  [Symbol.dispose](): void {
    this.#unschedule();
    this.#stopPumping?.();
    this.#forgetPending();
  }

  #enqueue(group: Group, entry: number): void {
    if (group.fromEntry !== NOTHING) return;
    group.fromEntry = entry;
    group.queuedAt = this.#queue.push(group) - 1;
  }

  #groupsNaming(symbol: number): readonly Group[] {
    return (this.#naming[symbol] ??= this.#groups.of(this.columns.symbolTable.names[symbol] ?? ''));
  }

  /** The group that has waited longest. */
  #next(): Group | undefined {
    for (; ; this.#served += 1) {
      const group = this.#queue[this.#served];
      if (group === undefined || group.queuedAt === this.#served) return group;
    }
  }

  #schedule(nowMs: number): void {
    if (this.#timer !== undefined || this.#immediate !== undefined) return;
    const dueMs = (this.#next()?.servedMs ?? 0) + this.#delay.gapMs(nowMs);
    if (dueMs <= nowMs) this.#immediate = setImmediate(() => this.#deliver('due'));
    else this.#timer = setTimeout(() => this.#deliver('due'), dueMs - nowMs);
  }

  #unschedule(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#timer = undefined;
    this.#immediate = undefined;
  }

  /** One turn: serves all groups, or those that have waited long enough, until the time is up. */
  #deliver(which: 'due' | 'all'): void {
    this.#unschedule();
    if (this.#queue.length === 0) return;
    const startedMs = performance.now();
    const gapMs = which === 'all' ? Number.NEGATIVE_INFINITY : this.#delay.gapMs(startedMs);
    const endMs = which === 'all' ? Number.POSITIVE_INFINITY : startedMs + TURN_MS;
    const wallMs = this.#clock.now();
    let nowMs = startedMs;
    this.#encodeForAll();
    let group = this.#next();
    while (group !== undefined && nowMs < endMs && group.servedMs + gapMs <= nowMs) {
      this.#served += 1;
      this.#serve(group, wallMs);
      nowMs = performance.now();
      group.servedMs = nowMs;
      group = this.#next();
    }
    this.#delay.spent(startedMs, nowMs);
    if (group === undefined) this.#forgetPending();
    else this.#schedule(nowMs);
    this.#pump();
    this.#observe();
  }

  /** Serves one group now, out of its turn: the queue passes over it. */
  #flushGroup(group: Group): void {
    if (group.fromEntry === NOTHING) return;
    const startedMs = performance.now();
    this.#encodeForAll();
    this.#serve(group, this.#clock.now());
    group.servedMs = performance.now();
    this.#delay.spent(startedMs, group.servedMs);
    this.#observe();
  }

  /** Frames of every symbol are copied whole: before any one row is encoded alone, all are, in their order. */
  #encodeForAll(): void {
    for (const { codec } of this.#groups.ofAll) this.#encoders[codec].encodeThrough(this.columns.length);
  }

  #serve(group: Group, nowMs: number): void {
    const { fromEntry, rows, members } = group;
    group.fromEntry = NOTHING_PENDING;
    group.queuedAt = NOT_QUEUED;
    if (fromEntry === NOTHING_PENDING || members.size === 0) return rows.clear();
    const parts = group.isAll ? this.#entries.all(fromEntry) : this.#entries.of(rows, fromEntry);
    for (const part of parts) {
      const shared = this.#share(group, part);
      for (const member of members) {
        member.offer(shared, nowMs);
        if (member.isHolding) this.watch(member);
      }
      this.#options.observer.onLatency?.(nowMs - part.fromMs, shared.frame.count * members.size);
    }
    rows.clear();
  }

  #share({ codec, withPositions }: Group, part: PendingPart): SharedTicks {
    const { rows, fromRow, toRow, fromMs, toMs } = part;
    const position = withPositions ? this.#entries.position(part.lastEntry, codec) : undefined;
    const encoder = this.#encoders[codec];
    const frame = rows === undefined ? encoder.rangeFrame(fromRow, toRow, position) : encoder.frame(rows, position);
    return { frame, columns: this.columns, rows, fromRow, toRow, position, fromMs, toMs };
  }

  /** Clears the pending ticks: all are delivered, or no group wants them. */
  #forgetPending(): void {
    this.#queue = [];
    this.#served = 0;
    this.#entries.clear();
    this.columns.clear();
    for (const encoder of Object.values(this.#encoders)) encoder.begin(this.columns);
  }

  #pump(): void {
    const nowMs = this.#clock.now();
    for (const outbox of this.#holding) {
      const verdict = outbox.pump(nowMs);
      if (verdict === 'slow') outbox.cutSlow();
      if (verdict === 'slow' || !outbox.isHolding) this.#holding.delete(outbox);
    }
    if (this.#holding.size > 0) return;
    this.#stopPumping?.();
    this.#stopPumping = undefined;
  }

  #observe(): void {
    const { counts } = this;
    const { observer } = this.#options;
    if (counts.sent > 0) observer.onSent?.(counts.sent, counts.frames, counts.bytes);
    if (counts.dropped > 0) observer.onDropped?.('slow', counts.dropped);
    counts.sent = counts.frames = counts.bytes = counts.dropped = 0;
  }
}
