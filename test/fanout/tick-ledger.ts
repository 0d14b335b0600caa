import type { LiveGap, LiveTick } from '../../clients/live/live-events.ts';

/** What one dashboard has seen of a feed whose ticks count in their volume, 1 … n, and are stamped when published. */
export class TickLedger {
  readonly gaps: LiveGap[] = [];
  /** Numbers that came twice or out of order. */
  readonly disorder: number[] = [];
  readonly missing: number[] = [];
  #last = 0;

  get last(): number {
    return this.#last;
  }

  saw(tick: LiveTick): void {
    const number = tick.volume ?? 0;
    if (number <= this.#last) {
      this.disorder.push(number);
      return;
    }
    for (let missed = this.#last + 1; missed < number; missed++) this.missing.push(missed);
    this.#last = number;
  }

  /** Missing numbers that no gap accounts for. @param publishedMicros when each number was published */
  unexplained(publishedMicros: readonly number[], slackMicros: number): number[] {
    return this.missing.filter((number) => {
      const at = publishedMicros[number] ?? 0;
      return !this.gaps.some(
        ({ fromMicros, toMicros }) => at >= (fromMicros ?? 0) - slackMicros && at <= toMicros + slackMicros,
      );
    });
  }
}
