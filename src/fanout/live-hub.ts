import { describeError } from '../errors.ts';
import { fanoutLogger } from '../logger.ts';
import type { FlushNotice } from '../stream/flush-notice.ts';
import { MINUTE_MICROS } from '../market/minute-bar.ts';
import type { StreamEntry } from '../stream/stream-entry.ts';
import { SymbolTable } from '../market/symbol-table.ts';
import { TickColumns } from '../market/tick-columns.ts';
import type { CodecName } from '../protocol/version.ts';
import { BarDelivery } from './delivery/bar-delivery.ts';
import { CatchUp } from './stream/catch-up.ts';
import { SubscriberGroups } from './delivery/subscriber-groups.ts';
import type { FanoutObserver, LivePrices, StreamTail } from './fanout-ports.ts';
import { FeedAges } from './feed-ages.ts';
import { fragmentWriter } from './frames/fragment-writer.ts';
import { LastPrices } from './last-prices.ts';
import type { DeliveryCounts } from './delivery/live-outbox.ts';
import { replyFrame, wireTime } from './frames/live-replies.ts';
import type { LiveSubscriber } from './live-subscriber.ts';
import { MinuteCloser } from './delivery/minute-closer.ts';
import { RecentEntries } from './stream/recent-entries.ts';
import { RowList } from './frames/row-list.ts';
import { appendTicks } from './stream/live-ticks.ts';
import type { Gap, LiveEntry } from './stream/live-sequence.ts';
import { StreamFollower } from './stream/stream-follower.ts';
import { formatResumeToken } from '../stream/stream-cursor.ts';
import { TickDelivery } from './delivery/tick-delivery.ts';
import { arrayFrame } from './frames/web-socket-frame.ts';

export interface LiveHubOptions {
  readonly tail: StreamTail;
  readonly prices: LivePrices;
  readonly observer: FanoutObserver;
  /** Longest time live ticks are gathered under load. */
  readonly coalesceMs: number;
}

const RECENT_BYTES = 16 * 1024 * 1024;
const HEARTBEAT_MS = 5_000;
const CLOCK_MS = 250;
const PRICES_WAIT_MS = 3_000;
const PRICES_RETRY_MS = 2_000;
/** Longer than the store may take to answer at its usual pace: during a backfill every flush has news. */
const REFRESH_MS = 1_000;
const MAX_SNAPSHOT_TICKS = 512;
const MINUTE_MS = 60_000;
const BARS_BACK_MS = 3 * MINUTE_MS;
const MAX_BARS_BACK_MS = 60 * MINUTE_MS;

/** The live side of one gateway: what comes over pub/sub goes to the dashboards connected here. */
export class LiveHub implements Disposable {
  readonly #options: LiveHubOptions;
  readonly #symbols = new SymbolTable();
  readonly #lastPrices = new LastPrices(this.#symbols);
  readonly #recent = new RecentEntries(RECENT_BYTES);
  readonly #feedAges = new FeedAges();
  readonly #groups = new SubscriberGroups();
  readonly #subscribers = new Set<LiveSubscriber>();
  readonly #minutes = new MinuteCloser();
  readonly #bars = new BarDelivery();
  readonly #scratch = new TickColumns(this.#symbols);
  readonly #follower: StreamFollower;
  readonly #delivery: TickDelivery;
  readonly #catchUp: CatchUp;
  /** Symbols whose stored price is newer than the one known here. */
  readonly #stale = new Set<string>();
  #isStreamKnown = false;
  #arePricesKnown = false;
  #whenReady: Array<() => void> = [];
  #isDisposed = false;
  /** When stale prices were last asked for. */
  #refreshedMs = 0;
  /** Up to when flush notices are known to have come. */
  #flushHeardMs = Date.now();
  #clock: NodeJS.Timeout | undefined;
  #pricesTimer: NodeJS.Timeout | undefined;
  #readyTimer: NodeJS.Timeout | undefined;
  /** Totals since the last time they were told. */
  readonly counts: DeliveryCounts = { sent: 0, frames: 0, bytes: 0, dropped: 0 };

  constructor(options: LiveHubOptions) {
    this.#options = options;
    const { observer, tail } = options;
    this.#follower = new StreamFollower(tail, {
      onEntry: (entry, isLive) => this.#onEntry(entry, isLive),
      onBackfill: (entry) => this.#learnPrices(entry, 0),
      onPrimed: () => {
        this.#isStreamKnown = true;
        this.#becomeReady();
        // Whoever subscribed before has no position yet to come back to.
        for (const subscriber of this.#subscribers) subscriber.sendPosition();
      },
      onGap: (gap) => this.#onGap(gap),
      onFilled: (entries) => observer.onFilled?.(entries),
    });
    this.#delivery = new TickDelivery(
      {
        groups: this.#groups,
        symbolTable: this.#symbols,
        counts: this.counts,
        observer,
        coalesceMs: options.coalesceMs,
        onTicks: (columns, fromRow, toRow) => this.#lastPrices.update(columns, fromRow, toRow),
        cursorAfter: ({ id, liveSeq }) => {
          const { cursor } = this.#follower;
          return cursor === undefined ? undefined : { ...cursor, id, liveSeq };
        },
      },
      (outbox) => this.#subscriberOf(outbox)?.cutSlow(),
    );
    this.#catchUp = new CatchUp({
      tail,
      observer,
      symbols: this.#symbols,
      recent: this.#recent,
      cursor: () => (this.#isStreamKnown ? this.#follower.cursor : undefined),
      flush: () => this.flush(),
      watch: (outbox) => this.#delivery.watch(outbox),
    });
  }

  /** Loads last prices and starts the clock. The stream is followed from `onSubscriberUp` on. */
  start(): void {
    this.#clock ??= setInterval(() => this.#tick(Date.now()), CLOCK_MS);
    // A database that is away must not keep snapshots waiting: then they hold what the stream told.
    this.#readyTimer = setTimeout(() => {
      this.#arePricesKnown = true;
      this.#becomeReady();
    }, PRICES_WAIT_MS);
    void this.#loadStored();
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    clearInterval(this.#clock);
    clearTimeout(this.#pricesTimer);
    clearTimeout(this.#readyTimer);
    this.#follower[Symbol.dispose]();
    this.#delivery[Symbol.dispose]();
    this.#catchUp[Symbol.dispose]();
  }

  /** Whether nothing that the stream shows is missing here. */
  get isLive(): boolean {
    return this.#follower.isLive;
  }

  get subscribers(): number {
    return this.#subscribers.size;
  }

  /** Bytes that wait for dashboards to read. */
  get waitingBytes(): number {
    let bytes = 0;
    for (const subscriber of this.#subscribers) bytes += subscriber.outbox.waitingBytes;
    return bytes;
  }

  /** The subscribing connection to Redis is up and subscribed, on the server of this run. */
  onSubscriberUp(run: string): void {
    this.#follower.up(run);
  }

  onSubscriberDown(): void {
    this.#follower.down();
  }

  /** A message of the live channel. */
  onLiveMessage(bytes: Buffer): void {
    this.#follower.onMessage(bytes);
  }

  /** What a flush committed. */
  onFlushNotice(notice: FlushNotice): void {
    const nowMs = Date.now();
    this.#flushHeardMs = nowMs;
    this.#bars.deliver(this.#minutes.take(notice.bars, nowMs), this.#subscribers);
    for (const bar of notice.bars) {
      if (bar.closeMicros > this.#lastPrices.timeOf(bar.symbol)) this.#stale.add(bar.symbol);
    }
    for (const subscriber of this.#subscribers) subscriber.sendFlush(notice);
  }

  /** Flushes may have been missed: what they changed is asked from the store. */
  onFlushesMissed(): void {
    clearTimeout(this.#pricesTimer);
    void this.#loadStored();
  }

  add(subscriber: LiveSubscriber): void {
    this.#subscribers.add(subscriber);
  }

  remove(subscriber: LiveSubscriber): void {
    this.#subscribers.delete(subscriber);
    this.#groups.leave(subscriber.outbox);
    this.#delivery.forget(subscriber.outbox);
  }

  /** Hands out what has been gathered: whoever joins afterwards begins behind it. */
  flush(): void {
    this.#delivery.flush();
  }

  /** From here on the subscriber gets the live ticks it wishes. */
  join(subscriber: LiveSubscriber): void {
    this.flush();
    this.#groups.join(subscriber.outbox, subscriber.deliveryProfile);
    this.#delivery.watch(subscriber.outbox);
  }

  /**
   * Brings the subscriber from a position to the live end.
   * @param onEnd called in the moment when it is to be joined; `isComplete` is false where nothing could be had
   */
  resume(subscriber: LiveSubscriber, position: string, onEnd: (isComplete: boolean) => void): void {
    this.#groups.leave(subscriber.outbox);
    void this.#catchUp.run(subscriber, position, (origin) => onEnd(origin !== 'nothing'));
  }

  /** Whether last prices are known. */
  get isReady(): boolean {
    return this.#isStreamKnown && this.#arePricesKnown;
  }

  /** Calls back at once, or as soon as last prices are known. */
  whenReady(callback: () => void): void {
    if (this.isReady) callback();
    else this.#whenReady.push(callback);
  }

  /** Frames with the last tick of each symbol that `wants`. */
  snapshot(codec: CodecName, wants: (symbol: string) => boolean): Buffer[] {
    const writer = fragmentWriter(codec);
    const starts: number[] = [];
    const ends: number[] = [];
    for (const tick of this.#lastPrices.select(wants)) {
      starts.push(writer.length);
      writer.tick('last', tick);
      ends.push(writer.length - writer.separatorBytes);
    }
    const frames: Buffer[] = [];
    for (let from = 0; from < starts.length; from += MAX_SNAPSHOT_TICKS) {
      const count = Math.min(MAX_SNAPSHOT_TICKS, starts.length - from);
      frames.push(arrayFrame(codec, writer, starts, ends, RowList.range(from, from + count), count).bytes);
    }
    return frames;
  }

  /** Where a dashboard that has got everything so far would resume; undefined before the stream is known. */
  position(): string | undefined {
    const { cursor } = this.#follower;
    return cursor === undefined ? undefined : formatResumeToken(cursor);
  }

  #onEntry(entry: LiveEntry, isLive: boolean): void {
    this.#recent.push(entry);
    this.#feedAges.heard(entry.entry.feed, entry.entry.acceptedAtMs);
    if (isLive) this.#delivery.add(entry);
    else this.#learnPrices(entry.entry, 0);
  }

  #learnPrices(entry: StreamEntry, afterSeq: number): void {
    this.#scratch.clear();
    appendTicks(entry, afterSeq, this.#scratch);
    this.#lastPrices.update(this.#scratch, 0, this.#scratch.length);
  }

  #onGap(gap: Gap): void {
    this.flush();
    this.#recent.clear();
    const nowMs = Date.now();
    fanoutLogger.warn({ ...gap, subscribers: this.#subscribers.size }, 'live ticks were missed for good');
    for (const subscriber of this.#subscribers) {
      if (subscriber.isFollowing) subscriber.sendGap('buffer', gap.fromMs, gap.toMs ?? nowMs);
    }
  }

  #becomeReady(): void {
    if (!this.isReady) return;
    const waiting = this.#whenReady;
    this.#whenReady = [];
    for (const callback of waiting) callback();
  }

  /** Last prices, and the bars of the minutes that may have changed without our hearing of it. */
  async #loadStored(): Promise<void> {
    const nowMs = Date.now();
    const sinceMs = Math.max(nowMs - MAX_BARS_BACK_MS, Math.min(this.#flushHeardMs, nowMs) - BARS_BACK_MS);
    const sinceMicros = Math.floor(sinceMs / MINUTE_MS) * MINUTE_MICROS;
    try {
      const [ticks, bars] = await Promise.all([
        this.#options.prices.lastTicks(),
        this.#options.prices.barsSince?.(sinceMicros) ?? [],
      ]);
      if (this.#isDisposed) return;
      this.#lastPrices.merge(ticks);
      this.#bars.deliver(this.#minutes.catchUp(bars, Date.now()), this.#subscribers);
      this.#arePricesKnown = true;
      clearTimeout(this.#readyTimer);
      this.#becomeReady();
    } catch (error) {
      if (this.#isDisposed) return;
      fanoutLogger.warn({ cause: describeError(error) }, 'last prices cannot be loaded for now');
      this.#pricesTimer = setTimeout(() => void this.#loadStored(), PRICES_RETRY_MS);
    }
  }

  /** Backfills are stored without being shown: what they changed is asked from the store. */
  async #refreshStale(): Promise<void> {
    const symbols = [...this.#stale];
    this.#stale.clear();
    this.#refreshedMs = Date.now();
    try {
      this.#lastPrices.merge(await this.#options.prices.lastTicks(symbols));
    } catch (error) {
      for (const symbol of symbols) this.#stale.add(symbol);
      fanoutLogger.debug({ cause: describeError(error) }, 'last prices cannot be refreshed for now');
    }
  }

  #tick(nowMs: number): void {
    this.#bars.deliver(this.#minutes.tick(nowMs), this.#subscribers);
    if (this.#stale.size > 0 && nowMs - this.#refreshedMs >= REFRESH_MS) void this.#refreshStale();
    this.#beat(nowMs);
  }

  #beat(nowMs: number): void {
    const frames = new Map<CodecName, Buffer>();
    for (const subscriber of this.#subscribers) {
      const { outbox, codec } = subscriber;
      if (nowMs - outbox.lastSendMs < HEARTBEAT_MS) continue;
      const frame = frames.get(codec) ?? this.#heartbeat(codec, nowMs);
      frames.set(codec, frame);
      subscriber.sendControl(frame);
      subscriber.sendPosition();
    }
  }

  #heartbeat(codec: CodecName, nowMs: number): Buffer {
    const id = this.#follower.cursor?.id ?? '';
    return replyFrame(codec, [{ T: 'hb', t: wireTime(nowMs, codec), id, feeds: this.#feedAges.list(nowMs) }]);
  }

  #subscriberOf(outbox: LiveSubscriber['outbox']): LiveSubscriber | undefined {
    for (const subscriber of this.#subscribers) if (subscriber.outbox === outbox) return subscriber;
    return undefined;
  }
}
