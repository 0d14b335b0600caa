import { TickColumns, type SymbolTable } from '../protocol/tick-columns.ts';
import type { CodecName } from '../protocol/version.ts';
import type { Cohort, Cohorts } from './cohorts.ts';
import type { FanoutObserver } from './fanout-ports.ts';
import { FlushPace } from './flush-pace.ts';
import type { DeliveryCounts, LiveOutbox, SharedTicks } from './live-outbox.ts';
import { appendShownTicks } from './shown-ticks.ts';
import type { ShownEntry } from './shown-sequence.ts';
import { formatPosition, type StreamPlace } from './stream-place.ts';
import { positionElement, TickEncoder } from './tick-encoder.ts';

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

/** Consecutive entries whose ticks go out together: frames end where an entry ends, so that positions are exact. */
interface Slice {
  readonly fromRow: number;
  toRow: number;
  readonly fromMs: number;
  toMs: number;
  place: StreamPlace | undefined;
}

const MAX_SLICE_TICKS = 512;
/** Rows of one batch before it is handed out without waiting for its time. */
const MAX_PENDING_TICKS = 8_192;
/** How often outboxes that hold something are looked after. */
const PUMP_MS = 10;

/** Gathers ticks for a moment and hands them out: each encoded once a codec, one frame a cohort. */
export class TickDelivery implements Disposable {
  readonly #options: DeliveryOptions;
  readonly #pace: FlushPace;
  readonly #pending: TickColumns;
  readonly #encoders: Readonly<Record<CodecName, TickEncoder>> = {
    json: new TickEncoder('json'),
    msgpack: new TickEncoder('msgpack'),
  };
  readonly #holding = new Set<LiveOutbox>();
  readonly #onSlow: (outbox: LiveOutbox) => void;
  #slices: Slice[] = [];
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #pumpTimer: NodeJS.Timeout | undefined;

  /** @param onSlow the peer behind this outbox does not read */
  constructor(options: DeliveryOptions, onSlow: (outbox: LiveOutbox) => void) {
    this.#options = options;
    this.#onSlow = onSlow;
    this.#pace = new FlushPace(options.coalesceMs);
    this.#pending = new TickColumns(options.symbolTable);
  }

  /** Ticks to be handed out soon. */
  add(entry: ShownEntry): void {
    const fromRow = this.#pending.length;
    appendShownTicks(entry, this.#pending);
    const toRow = this.#pending.length;
    if (toRow === fromRow) return;
    this.#options.onTicks(this.#pending, fromRow, toRow);
    const { acceptedAtMs } = entry.entry;
    const place = this.#options.placeAfter(entry);
    const slice = this.#slices.at(-1);
    if (slice !== undefined && toRow - slice.fromRow <= MAX_SLICE_TICKS) {
      slice.toRow = toRow;
      slice.toMs = Math.max(slice.toMs, acceptedAtMs);
      slice.place = place;
    } else this.#slices.push({ fromRow, toRow, fromMs: acceptedAtMs, toMs: acceptedAtMs, place });
    if (toRow >= MAX_PENDING_TICKS) this.flush();
    else this.#schedule();
  }

  /** Hands out what has been gathered, now. */
  flush(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#timer = undefined;
    this.#immediate = undefined;
    if (this.#slices.length === 0) return;
    const slices = this.#slices;
    this.#slices = [];
    const startedMs = performance.now();
    const nowMs = Date.now();
    if (!this.#options.cohorts.isEmpty) {
      for (const encoder of Object.values(this.#encoders)) encoder.begin(this.#pending);
      for (const slice of slices) this.#handOut(slice, nowMs);
    }
    this.#pending.clear();
    this.#pace.flushed(startedMs, performance.now());
    this.#pump();
    this.#observe(slices);
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
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    clearInterval(this.#pumpTimer);
    this.#slices = [];
    this.#pending.clear();
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#immediate !== undefined) return;
    const waitMs = this.#pace.waitMs(performance.now());
    if (waitMs < 1) this.#immediate = setImmediate(() => this.flush());
    else this.#timer = setTimeout(() => this.flush(), waitMs);
  }

  #handOut(slice: Slice, nowMs: number): void {
    const { cohorts, symbolTable } = this.#options;
    const position = new Positions(slice.place);
    const ranges = new Map<string, SharedTicks>();
    for (const cohort of cohorts.ofAll) {
      const key = `${cohort.codec}${cohort.withPositions}`;
      const shared = ranges.get(key) ?? this.#share(cohort, slice, undefined, position);
      ranges.set(key, shared);
      this.#give(cohort, shared, nowMs);
    }
    const touched: Cohort[] = [];
    for (let row = slice.fromRow; row < slice.toRow; row++) {
      const wanting = cohorts.of(symbolTable.names[this.#pending.symbol[row] ?? 0] ?? '');
      if (wanting === undefined) continue;
      for (const cohort of wanting) {
        if (cohort.rows.length === 0) touched.push(cohort);
        cohort.rows.push(row);
      }
    }
    for (const cohort of touched) {
      const { rows } = cohort;
      cohort.rows = [];
      this.#give(cohort, this.#share(cohort, slice, rows, position), nowMs);
    }
  }

  /** @param rows undefined: the whole slice */
  #share(cohort: Cohort, slice: Slice, rows: readonly number[] | undefined, positions: Positions): SharedTicks {
    const { fromRow, toRow, fromMs, toMs } = slice;
    const position = cohort.withPositions ? positions.in(cohort.codec) : undefined;
    const encoder = this.#encoders[cohort.codec];
    const frame = rows === undefined ? encoder.rangeFrame(fromRow, toRow, position) : encoder.frame(rows, position);
    return { frame, columns: this.#pending, rows, fromRow, toRow, position, fromMs, toMs };
  }

  #give(cohort: Cohort, shared: SharedTicks, nowMs: number): void {
    for (const member of cohort.members) {
      member.offer(shared, nowMs);
      if (member.isHolding) this.watch(member);
    }
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

  #observe(slices: readonly Slice[]): void {
    const { observer, counts } = this.#options;
    const nowMs = Date.now();
    for (const slice of slices) observer.onLatency?.(nowMs - slice.fromMs, slice.toRow - slice.fromRow);
    if (counts.sent > 0) observer.onSent?.(counts.sent, counts.frames, counts.bytes);
    if (counts.dropped > 0) observer.onDropped?.('slow', counts.dropped);
    counts.sent = counts.frames = counts.bytes = counts.dropped = 0;
  }
}

/** The `pos` element of a slice, made only where somebody wants it. */
class Positions {
  readonly #place: StreamPlace | undefined;
  readonly #byCodec = new Map<CodecName, Buffer>();

  constructor(place: StreamPlace | undefined) {
    this.#place = place;
  }

  in(codec: CodecName): Buffer | undefined {
    const known = this.#byCodec.get(codec);
    if (known !== undefined || this.#place === undefined) return known;
    const element = positionElement(codec, formatPosition(this.#place));
    this.#byCodec.set(codec, element);
    return element;
  }
}
