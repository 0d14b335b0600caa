import { type Clock, SYSTEM_CLOCK } from '../base/clock.ts';
import { fanoutLogger } from '../logger.ts';
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
import type { LiveSubscriber } from './live-subscriber.ts';
import { CatchUp } from './stream/catch-up.ts';
import { type LiveSink, StreamFollower } from './stream/stream-follower.ts';

export interface LiveHubOptions {
  readonly tail: StreamTail;
  readonly prices: LivePrices;
  readonly observer: FanoutObserver;
  /** Longest time that live ticks stay pending under load. */
  readonly coalesceMs: number;
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
  readonly #observer: FanoutObserver;
  readonly #clock: Clock;
  readonly #subscribers = new Set<LiveSubscriber>();
  readonly #feedAges = new FeedAges();
  readonly #board: LastPriceBoard;
  readonly #bars: BarDelivery;
  readonly #delivery: TickDelivery;
  readonly #catchUp: CatchUp;
  #whenReady: Array<() => void> = [];
  #stopClock: (() => void) | undefined;

  constructor({ tail, prices, observer, coalesceMs, clock = SYSTEM_CLOCK }: LiveHubOptions) {
    const symbolTable = new SymbolTable();
    this.#observer = observer;
    this.#clock = clock;
    this.stream = new StreamFollower(tail, this, clock);
    this.#board = new LastPriceBoard(prices, symbolTable, () => this.#becomeReady(), clock);
    this.#bars = new BarDelivery(prices, this.#subscribers, clock);
    this.#delivery = new TickDelivery({ symbolTable, observer, coalesceMs, clock });
    this.#catchUp = new CatchUp({ tail, observer, symbolTable, stream: this.stream, delivery: this.#delivery, clock });
  }

  /** Loads last prices and starts the clock. The stream is followed from the first subscription to the channel on. */
  start(): void {
    this.#stopClock ??= this.#clock.every(CLOCK_MS, () => this.#onClock(this.#clock.now()));
    this.#board.start();
    void this.#bars.loadMissed();
  }

  [Symbol.dispose](): void {
    this.#stopClock?.();
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
    this.#delivery.remove(subscriber.outbox);
  }

  /**
   * Reconfigures the ticks that a subscriber gets: pending ones still go out as before, then `change` runs, and from then
   * on it gets live ticks by its new profile, unless it is catching up. A subscriber that the change closed joins no
   * group: the answer to a peer that does not read cuts it.
   */
  reconfigure(subscriber: LiveSubscriber, change: () => void): void {
    this.#delivery.flush();
    change();
    if (!subscriber.isCatchingUp && !subscriber.isClosed)
      this.#delivery.join(subscriber.outbox, subscriber.deliveryProfile);
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

  /** Calls back at once, or as soon as last prices are known. */
  whenReady(callback: () => void): void {
    if (this.isReady) callback();
    else this.#whenReady.push(callback);
  }

  /** Frames with the last tick of each symbol that `wants`; live ticks delivered before are contained in it. */
  snapshot(codec: CodecName, wants: (symbol: string) => boolean): Buffer[] {
    this.#delivery.flush();
    return this.#board.snapshot(codec, wants);
  }

  /** Resume token of a dashboard that gets everything up to now; undefined before the stream is known. */
  position(): string | undefined {
    this.#delivery.flush();
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
    const waiting = this.#whenReady;
    this.#whenReady = [];
    for (const callback of waiting) callback();
  }

  #onClock(nowMs: number): void {
    this.#bars.onClock(nowMs);
    void this.#board.refresh(nowMs);
    this.#sendHeartbeats(nowMs);
  }

  #sendHeartbeats(nowMs: number): void {
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
    const id = this.stream.cursor?.id ?? '';
    return replyFrame(codec, [{ T: 'hb', t: wireTime(nowMs, codec), id, feeds: this.#feedAges.list(nowMs) }]);
  }
}
