import type { Clock } from '../../../src/base/clock.ts';
import { LiveOutbox, type OutboxOptions } from '../../../src/fanout/delivery/live-outbox.ts';
import type { DeliveryProfile } from '../../../src/fanout/delivery/subscriber-groups.ts';
import type { LiveSubscriber } from '../../../src/fanout/live-subscriber.ts';
import { NO_SYMBOLS, type SymbolFilter } from '../../../src/market/symbol-filter.ts';
import type { GapReason } from '../../../src/protocol/live-reply.ts';
import type { FlushNotice } from '../../../src/stream/flush-notice.ts';
import { FakeSocket } from './fake-socket.ts';

export const EVERYTHING: SymbolFilter = { isAll: true, names: new Set(), key: '*' };

export function symbols(...names: readonly string[]): SymbolFilter {
  return { isAll: false, names: new Set(names), key: [...new Set(names)].sort().join() };
}

/** A subscriber with the real outbox over a socket of the test, which writes down what it is told. */
export class FakeSubscriber implements LiveSubscriber {
  owner = 'someone';
  maySeeFeeds = true;
  readonly codec = 'json';
  readonly socket: FakeSocket = new FakeSocket();
  readonly outbox: LiveOutbox;
  deliveryProfile: DeliveryProfile = { codec: 'json', withPositions: false, filter: EVERYTHING };
  bars: SymbolFilter = NO_SYMBOLS;
  updatedBars: SymbolFilter = NO_SYMBOLS;
  barKey = '';
  isFollowing = false;
  isCatchingUp = false;
  isClosed = false;
  isCut = false;
  controls = 0;
  positions = 0;
  readonly gaps: Array<readonly [reason: GapReason, fromMs: number | undefined, toMs: number]> = [];
  readonly notices: FlushNotice[] = [];
  readonly #clock: Clock;

  constructor(clock: Clock, options: Partial<Pick<OutboxOptions, 'queueBytes' | 'slowMs' | 'counts'>> = {}) {
    this.#clock = clock;
    this.outbox = new LiveOutbox({
      socket: this.socket,
      codec: 'json',
      queueBytes: 1_000_000,
      slowMs: 1_000,
      counts: { sent: 0, frames: 0, bytes: 0, dropped: 0 },
      ...options,
      onDropped: ({ fromMs, toMs }) => this.sendGap('slow', fromMs, toMs),
      onSlow: () => this.cutSlow(),
    });
  }

  sendControl(frame: Buffer): void {
    this.controls += 1;
    this.outbox.sendControl(frame, this.#clock.now());
  }

  sendFlush(notice: FlushNotice): void {
    this.notices.push(notice);
  }

  sendGap(reason: GapReason, fromMs: number | undefined, toMs: number): void {
    this.gaps.push([reason, fromMs, toMs]);
  }

  sendPosition(): void {
    this.positions += 1;
  }

  cutSlow(): void {
    this.isCut = this.isClosed = true;
  }
}
