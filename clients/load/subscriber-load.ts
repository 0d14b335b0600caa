import { Random } from '../simulator/random.ts';
import type { LoadClock } from './load-clock.ts';
import { Latency } from './latency.ts';
import type { LoadPlan } from './load-plan.ts';
import { LoadSubscriber } from './load-subscriber.ts';

/** Connecting all at once would be refused by the bound on sockets that have not authenticated. */
const CONNECT_AT_ONCE = 25;

/** All subscribers of a load test. */
export class SubscriberLoad implements Disposable {
  readonly latency: Latency = new Latency();
  #subscribers: LoadSubscriber[] = [];
  #timedFromMicros = Number.POSITIVE_INFINITY;

  /** Connects and subscribes them, some at a time. @throws {Error} when the gateway refuses one */
  async connect(plan: LoadPlan, clock: LoadClock): Promise<void> {
    const random = Random.fromSeed('load subscribers');
    while (this.#subscribers.length < plan.subscribers) {
      const count = Math.min(CONNECT_AT_ONCE, plan.subscribers - this.#subscribers.length);
      const some = Array.from({ length: count }, () => {
        return new LoadSubscriber({
          ...plan,
          symbols: plan.subscribe === '*' ? undefined : pickSymbols(plan.symbols, plan.subscribe, random),
          symbolCount: plan.symbols,
          isTimed: (timeMicros) => timeMicros >= this.#timedFromMicros,
          latency: this.latency,
          clock,
        });
      });
      this.#subscribers.push(...some);
      await Promise.all(some.map((subscriber) => subscriber.subscribed()));
    }
  }

  get all(): readonly LoadSubscriber[] {
    return this.#subscribers;
  }

  /** Ticks of this time and later are timed. */
  timeFrom(timeMicros: number): void {
    this.#timedFromMicros = timeMicros;
  }

  totals(): { readonly ticks: number; readonly messages: number; readonly bytes: number } {
    let [ticks, messages, bytes] = [0, 0, 0];
    for (const subscriber of this.#subscribers) {
      ticks += subscriber.tally.count;
      messages += subscriber.messages;
      bytes += subscriber.bytes;
    }
    return { ticks, messages, bytes };
  }

  [Symbol.dispose](): void {
    for (const subscriber of this.#subscribers) subscriber.close();
  }
}

/** `count` different numbers below `symbols`. */
function pickSymbols(symbols: number, count: number, random: Random): number[] {
  const picked = new Set<number>();
  while (picked.size < Math.min(count, symbols)) picked.add(random.uint32() % symbols);
  return [...picked];
}
