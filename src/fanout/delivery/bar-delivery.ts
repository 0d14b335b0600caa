import { type Clock, SYSTEM_CLOCK } from '../../base/clock.ts';
import { Fifo } from '../../base/fifo.ts';
import { RowList } from '../../base/row-list.ts';
import { describeError } from '../../errors.ts';
import { fanoutLogger } from '../../logger.ts';
import { MINUTE_MICROS, type MinuteBar } from '../../market/minute-bar.ts';
import { type BarEvent, MinuteCloser } from '../../market/minute-closer.ts';
import { passesFilter } from '../../market/symbol-filter.ts';
import type { CodecName } from '../../protocol/version.ts';
import type { LivePrices } from '../fanout-ports.ts';
import { FragmentBuffer } from '../frames/fragment-buffer.ts';
import type { LiveSubscriber } from '../live-subscriber.ts';

const MAX_BARS_A_FRAME = 256;
const RETRY_MS = 2_000;
/** Time slice of delivery: then sockets and feeds get theirs. */
const TURN_MS = 2;
const MINUTE_MS = 60_000;
/** Overlap of a re-read: it begins so long before the last flush notice. */
const BARS_BACK_MS = 3 * MINUTE_MS;
const MAX_BARS_BACK_MS = 60 * MINUTE_MS;

/**
 * Bar delivery: bars whose minute is over (`b`) and bars that changed afterwards (`u`), each encoded once per codec, in
 * frames shared by dashboards with equal filters. Each filter costs a pass over the bars, so that many dashboards are
 * served in time slices. Bars of flushes whose notice was lost are read from the store.
 */
export class BarDelivery implements Disposable {
  readonly #prices: LivePrices;
  readonly #subscribers: Iterable<LiveSubscriber>;
  readonly #clock: Clock;
  readonly #minutes = new MinuteCloser();
  /** Time of the last flush notice. */
  #heardMs: number;
  readonly #monotonicMs: () => number;
  /** Deliveries under way, the oldest first. */
  readonly #rounds = new Fifo<Iterator<undefined>>();
  #immediate: NodeJS.Immediate | undefined;
  #cancelRetry: (() => void) | undefined;
  #isDisposed = false;

  constructor(
    prices: LivePrices,
    subscribers: Iterable<LiveSubscriber>,
    clock: Clock = SYSTEM_CLOCK,
    monotonicMs: () => number = () => performance.now(),
  ) {
    this.#monotonicMs = monotonicMs;
    this.#prices = prices;
    this.#subscribers = subscribers;
    this.#clock = clock;
    this.#heardMs = clock.now();
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#cancelRetry?.();
    clearImmediate(this.#immediate);
    this.#rounds.clear();
  }

  /** Bars that a flush committed. */
  onFlushed(bars: readonly MinuteBar[], nowMs: number): void {
    this.#heardMs = nowMs;
    this.#deliver(this.#minutes.take(bars, nowMs));
  }

  /** Minute timeout: delivers the minutes that are over because nothing comes any more. */
  onClock(nowMs: number): void {
    this.#deliver(this.#minutes.tick(nowMs));
  }

  /** Re-reads bars of minutes that may have changed without a notice; retries every two seconds. */
  async loadMissed(): Promise<void> {
    this.#cancelRetry?.();
    const nowMs = this.#clock.now();
    const sinceMs = Math.max(nowMs - MAX_BARS_BACK_MS, Math.min(this.#heardMs, nowMs) - BARS_BACK_MS);
    try {
      const bars = await this.#prices.barsSince?.(Math.floor(sinceMs / MINUTE_MS) * MINUTE_MICROS);
      if (this.#isDisposed) return;
      this.#deliver(this.#minutes.catchUp(bars ?? [], this.#clock.now()));
    } catch (error) {
      if (this.#isDisposed) return;
      fanoutLogger.warn({ cause: describeError(error) }, 'missed bars cannot be loaded for now');
      this.#cancelRetry?.();
      this.#cancelRetry = this.#clock.after(RETRY_MS, () => void this.loadMissed());
    }
  }

  #deliver(events: readonly BarEvent[]): void {
    if (events.length === 0) return;
    this.#rounds.push(this.#round(events));
    if (this.#immediate === undefined) this.#turn();
  }

  /** One time slice. */
  #turn(): void {
    this.#immediate = undefined;
    const endMs = this.#monotonicMs() + TURN_MS;
    for (let round = this.#rounds.at(0); round !== undefined; round = this.#rounds.at(0)) {
      while (round.next().done !== true) {
        if (this.#monotonicMs() < endMs) continue;
        this.#immediate = setImmediate(() => this.#turn());
        return;
      }
      this.#rounds.shift();
    }
  }

  /** A step serves one dashboard. */
  *#round(events: readonly BarEvent[]): Generator<undefined> {
    const encoded = new Map<CodecName, FragmentBuffer>();
    const framesByFilter = new Map<string, readonly Buffer[]>();
    for (const subscriber of this.#subscribers) {
      const { codec, barKey } = subscriber;
      if (barKey === '') continue;
      const key = `${codec} ${barKey}`;
      let frames = framesByFilter.get(key);
      if (frames === undefined) {
        const fragments = encoded.get(codec) ?? encodeBars(codec, events);
        encoded.set(codec, fragments);
        frames = framesFor(subscriber, events, fragments);
        framesByFilter.set(key, frames);
      }
      for (const frame of frames) if (!subscriber.isClosed) subscriber.sendControl(frame);
      yield;
    }
  }
}

function encodeBars(codec: CodecName, events: readonly BarEvent[]): FragmentBuffer {
  const fragments = new FragmentBuffer(codec);
  for (const [slot, { type, bar }] of events.entries()) fragments.writeBar(slot, type, bar);
  return fragments;
}

function framesFor(subscriber: LiveSubscriber, events: readonly BarEvent[], fragments: FragmentBuffer): Buffer[] {
  const slots = new RowList();
  events.forEach(({ type, bar }, slot) => {
    const filter = type === 'b' ? subscriber.bars : subscriber.updatedBars;
    if (passesFilter(filter, bar.symbol)) slots.push(slot);
  });
  const frames: Buffer[] = [];
  for (let from = 0; from < slots.length; from += MAX_BARS_A_FRAME) {
    const some = slots.slice(from, Math.min(slots.length, from + MAX_BARS_A_FRAME));
    frames.push(fragments.frame(some).bytes);
  }
  return frames;
}
