import { MINUTE_MICROS, type MinuteBar } from './minute-bar.ts';

/** `b`: the minute is over. `u`: it changed after it was over. */
export interface BarEvent {
  readonly type: 'b' | 'u';
  readonly bar: MinuteBar;
}

/** Market grace: time of the market itself until a minute without later ticks of its symbol counts as over. */
const MARKET_GRACE_MICROS = 1_000_000;
/** Silence timeout of a minute that is over by the clock. */
const SILENCE_MS = 2_000;
/** The same while ticks of the past are being replayed: their minutes have long been over by the clock. */
const REPLAY_SILENCE_MS = 60_000;
/** Closed minutes remembered for each symbol, to tell a change from a minute seen for the first time. */
const REMEMBERED_MINUTES = 64;

interface OpenBar {
  bar: MinuteBar;
  changedMs: number;
}

interface SymbolMinutes {
  readonly open: Map<number, OpenBar>;
  /** Trades of the closed minutes when they were last told, in the order of closing. */
  readonly closed: Map<number, number>;
  newestMicros: number;
}

/**
 * Decides when the minute of a symbol is over, from the stored rows as flushes return them: when the symbol has a later
 * minute, when the market has moved on, or when nothing has come for a while. Pure: time is passed in.
 */
export class MinuteCloser {
  readonly #symbols = new Map<string, SymbolMinutes>();
  /** Symbols that have open minutes. */
  readonly #withOpen = new Set<string>();
  /** The greatest tick time seen, at most the clock's. */
  #marketMicros = 0;

  /**
   * Rows of the bars table after a flush, in any order.
   * @returns minutes that are over now, and those that changed afterwards, in the market's order of minutes
   */
  take(bars: readonly MinuteBar[], nowMs: number): BarEvent[] {
    const events: BarEvent[] = [];
    const byMinute = [...bars].sort((a, b) => a.minuteMicros - b.minuteMicros);
    for (const bar of byMinute) this.#takeBar(bar, nowMs, events);
    for (const bar of bars) {
      this.#marketMicros = Math.max(this.#marketMicros, Math.min(bar.closeMicros, nowMs * 1_000));
    }
    this.#closeDue(nowMs, events);
    return events;
  }

  /** Minutes that are over because nothing comes any more. */
  tick(nowMs: number): BarEvent[] {
    const events: BarEvent[] = [];
    this.#closeDue(nowMs, events);
    return events;
  }

  /**
   * Rows read from the store, because flushes may have been missed: at the start, and after a lost connection.
   * @returns minutes that are over, and those that have changed since they were told
   */
  catchUp(bars: readonly MinuteBar[], nowMs: number): BarEvent[] {
    const news = bars.filter(({ symbol, minuteMicros, trades }) => {
      const minutes = this.#symbols.get(symbol);
      const known = minutes?.open.get(minuteMicros)?.bar.trades ?? minutes?.closed.get(minuteMicros) ?? 0;
      return trades > known;
    });
    return this.take(news, nowMs);
  }

  #takeBar(bar: MinuteBar, nowMs: number, events: BarEvent[]): void {
    const minutes = this.#minutesOf(bar.symbol);
    if (minutes.closed.has(bar.minuteMicros) || isForgotten(minutes.closed, bar.minuteMicros)) {
      if (minutes.closed.has(bar.minuteMicros)) minutes.closed.set(bar.minuteMicros, bar.trades);
      events.push({ type: 'u', bar });
      return;
    }
    minutes.newestMicros = Math.max(minutes.newestMicros, bar.minuteMicros);
    minutes.open.set(bar.minuteMicros, { bar, changedMs: nowMs });
    this.#withOpen.add(bar.symbol);
  }

  #minutesOf(symbol: string): SymbolMinutes {
    let minutes = this.#symbols.get(symbol);
    if (minutes === undefined) {
      minutes = { open: new Map(), closed: new Map(), newestMicros: 0 };
      this.#symbols.set(symbol, minutes);
    }
    return minutes;
  }

  #closeDue(nowMs: number, events: BarEvent[]): void {
    for (const symbol of this.#withOpen) {
      const minutes = this.#symbols.get(symbol);
      if (minutes === undefined) continue;
      const due = [...minutes.open].filter(([minute, open]) => this.#isOver(minute, open, minutes, nowMs));
      for (const [minute, { bar }] of due.sort(([a], [b]) => a - b)) {
        minutes.open.delete(minute);
        remember(minutes.closed, bar);
        events.push({ type: 'b', bar });
      }
      if (minutes.open.size === 0) this.#withOpen.delete(symbol);
    }
  }

  #isOver(minuteMicros: number, { changedMs }: OpenBar, minutes: SymbolMinutes, nowMs: number): boolean {
    if (minutes.newestMicros > minuteMicros) return true;
    const endMicros = minuteMicros + MINUTE_MICROS;
    if (this.#marketMicros >= endMicros + MARKET_GRACE_MICROS) return true;
    const endMs = endMicros / 1_000;
    const isReplay = changedMs > endMs + REPLAY_SILENCE_MS;
    const silenceMs = isReplay ? REPLAY_SILENCE_MS : SILENCE_MS;
    return nowMs >= endMs + SILENCE_MS && nowMs - changedMs >= silenceMs;
  }
}

/** Whether the minute is older than all that are remembered: it has been over once. */
function isForgotten(closed: ReadonlyMap<number, number>, minute: number): boolean {
  if (closed.size < REMEMBERED_MINUTES) return false;
  for (const other of closed.keys()) if (other < minute) return false;
  return true;
}

function remember(closed: Map<number, number>, { minuteMicros, trades }: MinuteBar): void {
  closed.set(minuteMicros, trades);
  if (closed.size <= REMEMBERED_MINUTES) return;
  for (const oldest of closed.keys()) {
    closed.delete(oldest);
    return;
  }
}
