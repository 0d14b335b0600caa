import type { SymbolTable } from '../protocol/symbol-table.ts';
import { TickColumns } from '../protocol/tick-columns.ts';
import type { CodecName } from '../protocol/version.ts';
import { type Cohort, type Cohorts, NOTHING_WAITS } from './cohorts.ts';
import type { FanoutObserver } from './fanout-ports.ts';
import { GatheredEntries, type GatheredPart } from './gathered-entries.ts';
import { HandOutPace } from './hand-out-pace.ts';
import type { DeliveryCounts, LiveOutbox, SharedTicks } from './live-outbox.ts';
import { appendShownTicks } from './shown-ticks.ts';
import type { ShownEntry } from './shown-sequence.ts';
import type { StreamPlace } from './stream-place.ts';
import { TickEncoder } from './tick-encoder.ts';

export interface DeliveryOptions {
  readonly cohorts: Cohorts;
  readonly symbolTable: SymbolTable;
  readonly counts: DeliveryCounts;
  readonly observer: FanoutObserver;
  /** Longest time ticks are gathered under load. */
  readonly coalesceMs: number;
  /** Each tick, in the order of arrival, before it is handed out. */
  readonly onTicks: (columns: TickColumns, fromRow: number, toRow: number) => void;
  /** The place after an entry that has just come. */
  readonly placeAfter: (entry: ShownEntry) => StreamPlace | undefined;
}

/** Rows gathered before all of them are handed out without waiting for their turn. */
const MAX_GATHERED_TICKS = 16_384;
/** One turn of handing out; then sockets and feeds get theirs. */
const TURN_MS = 1;
const NOBODY: readonly Cohort[] = [];
/** How often outboxes that hold something are looked after. */
const PUMP_MS = 10;

/**
 * Gathers ticks and hands them out: each encoded once a codec, one frame a cohort. Cohorts that have something to get
 * stand in a queue and are served one after the other, each with all that has come since it was served last: the more
 * there is to do the larger the frames, and nobody waits for a whole round.
 */
export class TickDelivery implements Disposable {
  readonly #options: DeliveryOptions;
  readonly #pace: HandOutPace;
  readonly #columns: TickColumns;
  readonly #entries = new GatheredEntries();
  readonly #encoders: Readonly<Record<CodecName, TickEncoder>> = {
    json: new TickEncoder('json'),
    msgpack: new TickEncoder('msgpack'),
  };
  readonly #holding = new Set<LiveOutbox>();
  readonly #onSlow: (outbox: LiveOutbox) => void;
  /** Cohorts with something to get, longest waiting first, from `#served` on. */
  #waiting: Cohort[] = [];
  #served = 0;
  /** Cohorts that name a symbol, by its number: as of a version of the cohorts. */
  #naming: Array<readonly Cohort[] | undefined> = [];
  #namingVersion = -1;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #pumpTimer: NodeJS.Timeout | undefined;

  /** @param onSlow the peer behind this outbox does not read */
  constructor(options: DeliveryOptions, onSlow: (outbox: LiveOutbox) => void) {
    this.#options = options;
    this.#onSlow = onSlow;
    this.#pace = new HandOutPace(options.coalesceMs);
    this.#columns = new TickColumns(options.symbolTable);
    this.#forget();
  }

  /** Ticks to be handed out soon. */
  add(entry: ShownEntry): void {
    const { cohorts, onTicks, placeAfter } = this.#options;
    const columns = this.#columns;
    const fromRow = columns.length;
    appendShownTicks(entry, columns);
    const toRow = columns.length;
    if (toRow === fromRow) return;
    onTicks(columns, fromRow, toRow);
    const number = this.#entries.add({
      fromRow,
      toRow,
      acceptedAtMs: entry.entry.acceptedAtMs,
      place: placeAfter(entry),
    });
    for (const cohort of cohorts.ofAll) this.#enqueue(cohort, number);
    for (let row = fromRow; row < toRow; row++) {
      for (const cohort of this.#cohortsNaming(columns.symbol[row] ?? 0)) {
        this.#enqueue(cohort, number);
        cohort.rows.push(row);
      }
    }
    if (this.#waiting.length === 0) this.#forget();
    else if (toRow >= MAX_GATHERED_TICKS) this.flush();
    else this.#schedule(performance.now());
  }

  /** Hands out all that has been gathered, now. */
  flush(): void {
    this.#handOut('all');
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

  #enqueue(cohort: Cohort, entry: number): void {
    if (cohort.fromEntry !== NOTHING_WAITS) return;
    cohort.fromEntry = entry;
    this.#waiting.push(cohort);
  }

  #cohortsNaming(symbol: number): readonly Cohort[] {
    const { cohorts, symbolTable } = this.#options;
    if (this.#namingVersion !== cohorts.version) {
      this.#namingVersion = cohorts.version;
      this.#naming = [];
    }
    return (this.#naming[symbol] ??= cohorts.of(symbolTable.names[symbol] ?? '') ?? NOBODY);
  }

  #schedule(nowMs: number): void {
    if (this.#timer !== undefined || this.#immediate !== undefined) return;
    const dueMs = (this.#waiting[this.#served]?.servedMs ?? 0) + this.#pace.gapMs(nowMs);
    if (dueMs <= nowMs) this.#immediate = setImmediate(() => this.#handOut('due'));
    else this.#timer = setTimeout(() => this.#handOut('due'), dueMs - nowMs);
  }

  #unschedule(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#timer = undefined;
    this.#immediate = undefined;
  }

  /** One turn: serves all cohorts, or those that have waited long enough, until the time is up. */
  #handOut(which: 'due' | 'all'): void {
    this.#unschedule();
    if (this.#waiting.length === 0) return;
    const startedMs = performance.now();
    const gapMs = which === 'all' ? Number.NEGATIVE_INFINITY : this.#pace.gapMs(startedMs);
    const endMs = which === 'all' ? Number.POSITIVE_INFINITY : startedMs + TURN_MS;
    const wallMs = Date.now();
    let nowMs = startedMs;
    for (const { codec } of this.#options.cohorts.ofAll) this.#encoders[codec].encodeThrough(this.#columns.length);
    let cohort = this.#waiting[this.#served];
    while (cohort !== undefined && nowMs < endMs && cohort.servedMs + gapMs <= nowMs) {
      this.#served += 1;
      this.#serve(cohort, wallMs);
      nowMs = performance.now();
      cohort.servedMs = nowMs;
      cohort = this.#waiting[this.#served];
    }
    this.#pace.spent(startedMs, nowMs);
    if (cohort === undefined) this.#forget();
    else this.#schedule(nowMs);
    this.#pump();
    this.#observe();
  }

  #serve(cohort: Cohort, nowMs: number): void {
    const { fromEntry, rows, members } = cohort;
    cohort.fromEntry = NOTHING_WAITS;
    if (fromEntry === NOTHING_WAITS || members.size === 0) return rows.clear();
    const parts = cohort.filter.isAll ? this.#entries.all(fromEntry) : this.#entries.of(rows, fromEntry);
    for (const part of parts) {
      const shared = this.#share(cohort, part);
      for (const member of members) {
        member.offer(shared, nowMs);
        if (member.isHolding) this.watch(member);
      }
      this.#options.observer.onLatency?.(nowMs - part.fromMs, shared.frame.count * members.size);
    }
    rows.clear();
  }

  #share({ codec, withPositions }: Cohort, part: GatheredPart): SharedTicks {
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
