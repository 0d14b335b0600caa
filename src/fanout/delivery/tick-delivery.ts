import type { SymbolTable } from '../../market/symbol-table.ts';
import { TickColumns } from '../../market/tick-columns.ts';
import type { CodecName } from '../../protocol/version.ts';
import { type SubscriberGroup, type SubscriberGroups, NOTHING_WAITS } from './subscriber-groups.ts';
import type { FanoutObserver } from '../fanout-ports.ts';
import { PendingEntries, type PendingPart } from './pending-entries.ts';
import { AdaptiveDelay } from './adaptive-delay.ts';
import type { DeliveryCounts, LiveOutbox, SharedTicks } from './live-outbox.ts';
import { appendLiveTicks } from '../stream/live-ticks.ts';
import type { LiveEntry } from '../stream/live-sequence.ts';
import type { StreamCursor } from '../../stream/stream-cursor.ts';
import { TickEncoder } from '../frames/tick-encoder.ts';

export interface DeliveryOptions {
  readonly groups: SubscriberGroups;
  readonly symbolTable: SymbolTable;
  readonly counts: DeliveryCounts;
  readonly observer: FanoutObserver;
  /** Longest time ticks are gathered under load. */
  readonly coalesceMs: number;
  /** Each tick, in the order of arrival, before it is handed out. */
  readonly onTicks: (columns: TickColumns, fromRow: number, toRow: number) => void;
  /** The place after an entry that has just come. */
  readonly cursorAfter: (entry: LiveEntry) => StreamCursor | undefined;
}

/** Rows gathered before all of them are handed out without waiting for their turn. */
const MAX_PENDING_TICKS = 16_384;
/** One turn of handing out; then sockets and feeds get theirs. */
const TURN_MS = 1;
const NOBODY: readonly SubscriberGroup[] = [];
/** How often outboxes that hold something are looked after. */
const PUMP_MS = 10;

/**
 * Gathers ticks and hands them out: each encoded once a codec, one frame a group. Cohorts that have something to get
 * stand in a queue and are served one after the other, each with all that has come since it was served last: the more
 * there is to do the larger the frames, and nobody waits for a whole round.
 */
export class TickDelivery implements Disposable {
  readonly #options: DeliveryOptions;
  readonly #delay: AdaptiveDelay;
  readonly #columns: TickColumns;
  readonly #entries = new PendingEntries();
  readonly #encoders: Readonly<Record<CodecName, TickEncoder>> = {
    json: new TickEncoder('json'),
    msgpack: new TickEncoder('msgpack'),
  };
  readonly #holding = new Set<LiveOutbox>();
  readonly #onSlow: (outbox: LiveOutbox) => void;
  /** Cohorts with something to get, longest waiting first, from `#served` on. */
  #waiting: SubscriberGroup[] = [];
  #served = 0;
  /** Cohorts that name a symbol, by its number: as of a version of the groups. */
  #naming: Array<readonly SubscriberGroup[] | undefined> = [];
  #namingVersion = -1;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #pumpTimer: NodeJS.Timeout | undefined;

  /** @param onSlow the peer behind this outbox does not read */
  constructor(options: DeliveryOptions, onSlow: (outbox: LiveOutbox) => void) {
    this.#options = options;
    this.#onSlow = onSlow;
    this.#delay = new AdaptiveDelay(options.coalesceMs);
    this.#columns = new TickColumns(options.symbolTable);
    this.#forget();
  }

  /** Ticks to be handed out soon. */
  add(entry: LiveEntry): void {
    const { groups, onTicks, cursorAfter } = this.#options;
    const columns = this.#columns;
    const fromRow = columns.length;
    appendLiveTicks(entry, columns);
    const toRow = columns.length;
    if (toRow === fromRow) return;
    onTicks(columns, fromRow, toRow);
    const number = this.#entries.add({
      fromRow,
      toRow,
      acceptedAtMs: entry.entry.acceptedAtMs,
      cursor: cursorAfter(entry),
    });
    for (const group of groups.ofAll) this.#enqueue(group, number);
    for (let row = fromRow; row < toRow; row++) {
      for (const group of this.#groupsNaming(columns.symbol[row] ?? 0)) {
        this.#enqueue(group, number);
        group.rows.push(row);
      }
    }
    if (this.#waiting.length === 0) this.#forget();
    else if (toRow >= MAX_PENDING_TICKS) this.flush();
    else this.#schedule(performance.now());
  }

  /** Hands out all that has been gathered, now. */
  flush(): void {
    this.#deliver('all');
  }

  /** An outbox has been given something to hold, or its pace was changed. */
  watch(outbox: LiveOutbox): void {
    if (!outbox.isHolding) return;
    this.#holding.add(outbox);
    this.#pumpTimer ??= setInterval(() => this.#pump(), PUMP_MS);
  }

  forget(outbox: LiveOutbox): void {
    this.#holding.delete(outbox);
  }

  [Symbol.dispose](): void {
    this.#unschedule();
    clearInterval(this.#pumpTimer);
    this.#forget();
  }

  #enqueue(group: SubscriberGroup, entry: number): void {
    if (group.fromEntry !== NOTHING_WAITS) return;
    group.fromEntry = entry;
    this.#waiting.push(group);
  }

  #groupsNaming(symbol: number): readonly SubscriberGroup[] {
    const { groups, symbolTable } = this.#options;
    if (this.#namingVersion !== groups.version) {
      this.#namingVersion = groups.version;
      this.#naming = [];
    }
    return (this.#naming[symbol] ??= groups.of(symbolTable.names[symbol] ?? '') ?? NOBODY);
  }

  #schedule(nowMs: number): void {
    if (this.#timer !== undefined || this.#immediate !== undefined) return;
    const dueMs = (this.#waiting[this.#served]?.servedMs ?? 0) + this.#delay.gapMs(nowMs);
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
    if (this.#waiting.length === 0) return;
    const startedMs = performance.now();
    const gapMs = which === 'all' ? Number.NEGATIVE_INFINITY : this.#delay.gapMs(startedMs);
    const endMs = which === 'all' ? Number.POSITIVE_INFINITY : startedMs + TURN_MS;
    const wallMs = Date.now();
    let nowMs = startedMs;
    for (const { codec } of this.#options.groups.ofAll) this.#encoders[codec].encodeThrough(this.#columns.length);
    let group = this.#waiting[this.#served];
    while (group !== undefined && nowMs < endMs && group.servedMs + gapMs <= nowMs) {
      this.#served += 1;
      this.#serve(group, wallMs);
      nowMs = performance.now();
      group.servedMs = nowMs;
      group = this.#waiting[this.#served];
    }
    this.#delay.spent(startedMs, nowMs);
    if (group === undefined) this.#forget();
    else this.#schedule(nowMs);
    this.#pump();
    this.#observe();
  }

  #serve(group: SubscriberGroup, nowMs: number): void {
    const { fromEntry, rows, members } = group;
    group.fromEntry = NOTHING_WAITS;
    if (fromEntry === NOTHING_WAITS || members.size === 0) return rows.clear();
    const parts = group.filter.isAll ? this.#entries.all(fromEntry) : this.#entries.of(rows, fromEntry);
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

  #share({ codec, withPositions }: SubscriberGroup, part: PendingPart): SharedTicks {
    const { rows, fromRow, toRow, fromMs, toMs } = part;
    const position = withPositions ? this.#entries.position(part.lastEntry, codec) : undefined;
    const encoder = this.#encoders[codec];
    const frame = rows === undefined ? encoder.rangeFrame(fromRow, toRow, position) : encoder.frame(rows, position);
    return { frame, columns: this.#columns, rows, fromRow, toRow, position, fromMs, toMs };
  }

  /** Everything gathered has been handed out, or nobody wants it. */
  #forget(): void {
    this.#waiting = [];
    this.#served = 0;
    this.#entries.clear();
    this.#columns.clear();
    for (const encoder of Object.values(this.#encoders)) encoder.begin(this.#columns);
  }

  #pump(): void {
    const nowMs = Date.now();
    for (const outbox of this.#holding) {
      const verdict = outbox.pump(nowMs);
      if (verdict === 'slow') this.#onSlow(outbox);
      if (verdict === 'slow' || !outbox.isHolding) this.#holding.delete(outbox);
    }
    if (this.#holding.size > 0) return;
    clearInterval(this.#pumpTimer);
    this.#pumpTimer = undefined;
  }

  #observe(): void {
    const { observer, counts } = this.#options;
    if (counts.sent > 0) observer.onSent?.(counts.sent, counts.frames, counts.bytes);
    if (counts.dropped > 0) observer.onDropped?.('slow', counts.dropped);
    counts.sent = counts.frames = counts.bytes = counts.dropped = 0;
  }
}
