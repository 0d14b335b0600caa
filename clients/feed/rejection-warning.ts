import { TIME_RULE } from './tick-time.ts';

const QUIET_MS = 10_000;

/**
 * Default handler of rejected ticks: a process warning, so that none is rejected in silence. At most one in 10 s, with
 * the number of ticks since the one before.
 */
export class RejectionWarning {
  readonly #feed: string;
  readonly #nowMs: () => number;
  #quietUntilMs = Number.NEGATIVE_INFINITY;
  #untold = 0;

  constructor(feed: string, nowMs: () => number = () => performance.now()) {
    this.#feed = feed;
    this.#nowMs = nowMs;
  }

  onRejected(seq: number, rejected: ReadonlyArray<readonly [index: number, reason: string]>): void {
    const nowMs = this.#nowMs();
    if (nowMs < this.#quietUntilMs) {
      this.#untold += rejected.length;
      return;
    }
    this.#quietUntilMs = nowMs + QUIET_MS;
    const reasons = [...new Set(rejected.map(([, reason]) => reason))].toSorted().join(', ');
    const ticks = rejected.length === 1 ? '1 tick' : `${rejected.length} ticks`;
    const before = this.#untold === 0 ? '' : `, and ${this.#untold} since the last warning`;
    const rule = reasons.includes('time_') ? `; ${TIME_RULE}` : '';
    this.#untold = 0;
    process.emitWarning(`feed ${this.#feed}: ${ticks} of frame ${seq} rejected${before}: ${reasons}${rule}`, {
      type: 'TickgateWarning',
      code: 'TICKGATE_REJECTED',
      detail: 'They are in the table of rejected ticks. The option onRejected of FeedClient replaces this warning.',
    });
  }
}
