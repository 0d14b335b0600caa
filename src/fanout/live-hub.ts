import { type Clock, SYSTEM_CLOCK } from '../base/clock.ts';
import { fanoutLogger } from '../logger.ts';
import type { SymbolFilter } from '../market/symbol-filter.ts';
import { SymbolTable } from '../market/symbol-table.ts';
import { replyFrame, wireTime } from '../protocol/live-reply.ts';
import type { CodecName } from '../protocol/version.ts';
import { appendEntryTicks } from '../stream/entry-ticks.ts';
import type { FlushNotice } from '../stream/flush-notice.ts';
import type { LiveEntry } from '../stream/live-message.ts';
import { formatResumeToken, type StreamCursor } from '../stream/stream-cursor.ts';
import type { StreamEntry } from '../stream/stream-entry.ts';
import type { StreamTail } from '../stream/stream-tail.ts';
import { BarDelivery } from './delivery/bar-delivery.ts';
import { TickDelivery } from './delivery/tick-delivery.ts';
import type { FanoutObserver, LivePrices } from './fanout-ports.ts';
import { FeedAges } from './feed-ages.ts';
import { LastPriceBoard } from './last-price-board.ts';
import type { FairWorkQueue } from '../base/fair-work-queue.ts';
import type { LiveSubscriber } from './live-subscriber.ts';
import { CatchUp } from './stream/catch-up.ts';
import { type LiveSink, StreamFollower } from './stream/stream-follower.ts';

export interface LiveHubOptions {
  readonly tail: StreamTail;
  readonly prices: LivePrices;
  readonly observer: FanoutObserver;
  /** Longest time that live ticks stay pending under load. */
  readonly coalesceMs: number;
  /** Requests and catch-ups of dashboards are done in its turns. */
  readonly work: FairWorkQueue;
  /** At most so many catch-ups at once; others wait in line. */
  readonly maxCatchUps: number;
  /** The system's where left out. */
  readonly clock?: Clock;
}

const HEARTBEAT_MS = 5_000;
const CLOCK_MS = 250;

/**
 * Live hub of one gateway. A tick's way: {@link stream} brings an entry in order, {@link onEntry} decodes it once into
 * columns, moves the last prices on and passes the range to the delivery, which writes to the dashboards' sockets.
 */
export class LiveHub implements LiveSink, Disposable {
  /** Follows the stream: pub/sub messages and the state of the subscription go in here. */
  readonly stream: StreamFollower;
  /** Queue of the work that dashboards ask for. */
  readonly work: FairWorkQueue;
  readonly #observer: FanoutObserver;
  readonly #clock: Clock;
  readonly #subscribers = new Set<LiveSubscriber>();
  readonly #feedAges = new FeedAges();
  readonly #board: LastPriceBoard;
  readonly #bars: BarDelivery;
  readonly #delivery: TickDelivery;
  readonly #catchUp: CatchUp;
  /** Work that waits for {@link isReady}: at most one a subscriber. */
  readonly #whenReady = new Map<LiveSubscriber, () => void>();
  #stopClock: (() => void) | undefined;

  constructor({ tail, prices, observer, coalesceMs, work, maxCatchUps, clock = SYSTEM_CLOCK }: LiveHubOptions) {
    const symbolTable = new SymbolTable();
    this.work = work;
    this.#observer = observer;
    this.#clock = clock;
    this.stream = new StreamFollower(tail, this, clock);
    this.#board = new LastPriceBoard(prices, symbolTable, () => this.#becomeReady(), clock);
    this.#bars = new BarDelivery(prices, this.#subscribers, clock);
    this.#delivery = new TickDelivery({ symbolTable, observer, coalesceMs, clock });
    const { stream } = this;
    const delivery = this.#delivery;
    this.#catchUp = new CatchUp({ tail, observer, symbolTable, stream, delivery, work, maxCatchUps, clock });
  }

  /** Loads last prices and starts the clock. The stream is followed from the first subscription to the channel on. */
  start(): void {
    this.#stopClock ??= this.#clock.every(CLOCK_MS, () => this.#onClock(this.#clock.now()));
    this.#board.start();
    void this.#bars.loadMissed();
  }

  [Symbol.dispose](): void {
    this.#stopClock?.();
    this.work[Symbol.dispose]();
    this.stream[Symbol.dispose]();
    this.#delivery[Symbol.dispose]();
    this.#catchUp[Symbol.dispose]();
    this.#bars[Symbol.dispose]();
    this.#board[Symbol.dispose]();
  }

  /** The next live entry of the stream; `isLive` is false while the stream is read for the first time. */
  onEntry(live: LiveEntry, cursor: StreamCursor, isLive: boolean): void {
    const { entry, shownUpTo } = live;
    this.#catchUp.remember(live);
    this.#feedAges.heard(entry.feed, entry.acceptedAtMs);
    if (!isLive) return this.#board.learn(entry);
    const { columns } = this.#delivery;
    const fromRow = columns.length;
    appendEntryTicks(entry, shownUpTo, columns, ({ message }) =>
      fanoutLogger.error({ id: live.id, feed: entry.feed, reason: message }, 'ticks of an entry cannot be read'),
    );
    const toRow = columns.length;
    this.#board.update(columns, fromRow, toRow);
    this.#delivery.add({ fromRow, toRow, acceptedAtMs: entry.acceptedAtMs, cursor });
  }

  /** An entry of the first reading that is not live: its ticks count for last prices. */
  onBackfill(entry: StreamEntry): void {
    this.#board.learn(entry);
  }

  /** The stream has been read for the first time: entries from now on are live. */
  onPrimed(): void {
    // Dashboards that subscribed before have no position yet; those that wait for a snapshot get theirs behind it.
    for (const subscriber of this.#subscribers) subscriber.sendPosition();
    this.#becomeReady();
  }

  /** Live entries were missed for good. */
  onGap(fromMs: number | undefined, toMs: number): void {
    this.#delivery.flush();
    this.#catchUp.forget();
    fanoutLogger.warn({ fromMs, toMs, subscribers: this.#subscribers.size }, 'live ticks were missed for good');
    for (const subscriber of this.#subscribers) {
      if (subscriber.isFollowing) subscriber.sendGap('buffer', fromMs, toMs);
    }
  }

  /** Entries that pub/sub did not bring were read from the stream. */
  onFilled(entries: number): void {
    this.#observer.onFilled?.(entries);
  }

  /** A flush was committed: its bars and acknowledgements go to the dashboards. */
  onFlushNotice(notice: FlushNotice): void {
    this.#bars.onFlushed(notice.bars, this.#clock.now());
    this.#board.onFlushed(notice.bars);
    for (const subscriber of this.#subscribers) subscriber.sendFlush(notice);
  }

  /** Flush notices may have been missed: prices and bars that they would have changed are read from the store. */
  onFlushesMissed(): void {
    void this.#board.load();
    void this.#bars.loadMissed();
  }

  add(subscriber: LiveSubscriber): void {
    this.#subscribers.add(subscriber);
  }

  remove(subscriber: LiveSubscriber): void {
    this.#subscribers.delete(subscriber);
    this.#whenReady.delete(subscriber);
    this.#delivery.remove(subscriber.outbox);
  }

  /**
   * Reconfigures the ticks that a subscriber gets: pending ones still go out as before, then `change` runs, and from then
   * on it gets live ticks by its new profile, unless it is catching up. A subscriber that the change closed joins no
   * group: the answer to a peer that does not read cuts it.
   * @param changed names that may have changed, where its filter has the same set of names as before
   */
  reconfigure(subscriber: LiveSubscriber, change: () => void, changed: readonly string[] = []): void {
    this.#delivery.flushOf(subscriber.outbox);
    change();
    if (!subscriber.isCatchingUp && !subscriber.isClosed)
      this.#delivery.join(subscriber.outbox, subscriber.deliveryProfile, changed);
  }

  /**
   * Brings the subscriber from a resume token to the live end.
   * @param onEnd called in the turn when it is to join the live ticks; `isComplete` is false where nothing was resumed
   */
  resume(subscriber: LiveSubscriber, resumeToken: string, onEnd: (isComplete: boolean) => void): void {
    this.#delivery.leave(subscriber.outbox);
    void this.#catchUp.run(subscriber, resumeToken, (origin) => onEnd(origin !== 'nothing'));
  }

  /** Whether last prices are known. */
  get isReady(): boolean {
    return this.stream.isPrimed && this.#board.isLoaded;
  }

  /** Calls back at once, or when last prices are known, in its turn; a later callback supersedes an earlier one. */
  whenReady(subscriber: LiveSubscriber, callback: () => void): void {
    if (this.isReady) callback();
    else this.#whenReady.set(subscriber, callback);
  }

  /** Frames with the last tick of each symbol of the filters; live ticks that the subscriber got are contained in it. */
  snapshot(subscriber: LiveSubscriber, filter: Pick<SymbolFilter, 'isAll' | 'names'>): Buffer[] {
    this.#delivery.flushOf(subscriber.outbox);
    return this.#board.snapshot(subscriber.codec, filter);
  }

  /**
   * Resume token of a dashboard that gets everything up to now; undefined before the stream is known.
   * @param subscriber its pending ticks are delivered first; left out: one that has none
   */
  position(subscriber?: LiveSubscriber): string | undefined {
    if (subscriber !== undefined) this.#delivery.flushOf(subscriber.outbox);
    const { cursor } = this.stream;
    return cursor === undefined ? undefined : formatResumeToken(cursor);
  }

  /** Totals of delivery, for outboxes to count in. */
  get counts(): TickDelivery['counts'] {
    return this.#delivery.counts;
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

  #becomeReady(): void {
    if (!this.isReady) return;
    const waiting = [...this.#whenReady];
    this.#whenReady.clear();
    for (const [subscriber, callback] of waiting) this.work.run(subscriber.owner, subscriber, callback);
  }

  #onClock(nowMs: number): void {
    this.#bars.onClock(nowMs);
    void this.#board.refresh(nowMs);
    this.#delivery.mergeGroups();
    this.#sendHeartbeats(nowMs);
  }

  #sendHeartbeats(nowMs: number): void {
    const frames = new Map<string, Buffer>();
    for (const subscriber of this.#subscribers) {
      const { outbox, codec, maySeeFeeds } = subscriber;
      if (nowMs - outbox.lastSendMs < HEARTBEAT_MS) continue;
      const key = `${codec} ${maySeeFeeds}`;
      const frame = frames.get(key) ?? this.#heartbeat(codec, maySeeFeeds, nowMs);
      frames.set(key, frame);
      subscriber.sendControl(frame);
      subscriber.sendPosition();
    }
  }

  /** The names of feeds are for those that may subscribe to their flushes. */
  #heartbeat(codec: CodecName, maySeeFeeds: boolean, nowMs: number): Buffer {
    const id = this.stream.cursor?.id ?? '';
    const feeds = maySeeFeeds ? this.#feedAges.list(nowMs) : [];
    return replyFrame(codec, [{ T: 'hb', t: wireTime(nowMs, codec), id, feeds }]);
  }
}
