import { browserLiveClient } from '../live/browser-live-client.ts';
import type { LiveClient } from '../live/live-client.ts';
import { LivePulse } from './live-pulse.ts';
import { Market } from './market.ts';
import { MarketTable } from './market-table.ts';
import { formatTime, formatWhole } from './number-format.ts';
import { element } from './page-elements.ts';
import { PageLanguage } from './page-language.ts';
import { type PageState, StatusLine } from './status-line.ts';
import { StoredBoard } from './stored-board.ts';
import { TokenForm } from './token-form.ts';

/** Interval of reading the board; live ticks are counted on in between. */
const BOARD_EVERY_MS = 30_000;
/** After a subscription, a gap or the first tick of a day; late enough for earlier ticks to have been stored. */
const BOARD_SOON_MS = 1_500;
const BOARD_RETRY_MS = 3_000;
const AUTH_FAILED = 402;
const NOT_ALLOWED = 409;

/** The page at `/`: the stored board, and live prices on top of it. */
class Dashboard {
  readonly #language = new PageLanguage();
  readonly #status = new StatusLine(this.#language);
  readonly #market = new Market();
  readonly #pulse = new LivePulse();
  readonly #table = new MarketTable(element('prices', HTMLTableElement));
  readonly #filter = element('filter', HTMLInputElement);
  readonly #board = new StoredBoard(new URL('api/board', location.href).href);
  readonly #tokens: TokenForm;
  #client: LiveClient | undefined;
  #boardTimer: ReturnType<typeof setTimeout> | undefined;
  #boardDueMs = Number.POSITIVE_INFINITY;
  /** One after another: an older answer must not come after a newer one. */
  #reading: Promise<void> = Promise.resolve();
  #wasLive = false;
  /** Cut off, and not live again since. */
  #isLost = false;
  #missed = 0;
  #refusal: number | undefined;
  /** Counts tokens tried, none being one of them: answers to an earlier one say nothing of this one. */
  #attempt = 0;

  constructor() {
    this.#tokens = new TokenForm(this.#language, () => this.start());
    this.#filter.addEventListener('input', () => this.#table.setFilter(this.#filter.value));
    element('language', HTMLButtonElement).addEventListener('click', () => {
      this.#language.toggle();
      this.#status.refresh();
    });
    document.addEventListener('keydown', (event) => {
      if (event.key !== '/' || event.target instanceof HTMLInputElement) return;
      event.preventDefault();
      this.#filter.focus();
    });
    const frame = (): void => {
      this.#draw(performance.now());
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  start(): void {
    this.#attempt += 1;
    this.#status.notice();
    this.#readBoardIn(0);
    this.#connect();
  }

  #connect(): void {
    this.#client?.close();
    this.#refusal = undefined;
    const { token } = this.#tokens;
    const attempt = this.#attempt;
    this.#client = browserLiveClient({
      url: new URL('v1/live', location.href).href,
      token: token === undefined ? undefined : () => token,
      snapshot: true,
      onState: (state) => this.#onState(state, attempt),
      onGap: ({ dropped }) => this.#onGap(dropped ?? 0),
      onError: (code) => (this.#refusal = code),
    });
    this.#client.onTick(['*'], (tick) => {
      if (!tick.isSnapshot) this.#pulse.tick(Date.now() - tick.timeMicros / 1_000);
      this.#market.applyTick(tick);
      if (this.#market.isOutdated) this.#readBoardIn(BOARD_SOON_MS);
    });
  }

  #onState(state: PageState, attempt: number): void {
    if (attempt !== this.#attempt) return;
    this.#status.showState(state);
    if (state === 'live') {
      this.#isLost = false;
      this.#status.showStale(false);
      this.#status.withdraw('lost');
      // Ticks stored between the last reading and this subscription are in neither.
      this.#readBoardIn(BOARD_SOON_MS);
      this.#wasLive = true;
    } else if (state === 'waiting' && this.#wasLive && !this.#isLost) {
      this.#isLost = true;
      this.#status.showStale(true);
      this.#status.notice('lost', formatTime(Date.now() * 1_000, this.#market.board?.beginMicros ?? 0));
    } else if (state === 'closed') {
      this.#onClosed();
    }
  }

  #onClosed(): void {
    this.#status.showStale(true);
    if (this.#refusal === AUTH_FAILED) this.#askForToken(this.#attempt);
    else this.#status.notice(this.#refusal === NOT_ALLOWED ? 'forbidden' : 'refused');
  }

  #onGap(dropped: number): void {
    this.#missed += dropped;
    if (this.#missed > 0)
      element('pulse', HTMLElement).title = `${formatWhole(this.#missed)} ${this.#language.text('missed')}`;
    this.#readBoardIn(BOARD_SOON_MS);
  }

  /** Once for each token tried: live connection and board are both refused, and the second must not ask anew. */
  #askForToken(attempt: number): void {
    if (attempt !== this.#attempt) return;
    this.#attempt += 1;
    clearTimeout(this.#boardTimer);
    this.#boardDueMs = Number.POSITIVE_INFINITY;
    const client = this.#client;
    this.#client = undefined;
    client?.close();
    this.#status.notice();
    this.#tokens.ask();
  }

  /** Reads the board after this time, or earlier where that was planned. */
  #readBoardIn(waitMs: number): void {
    const dueMs = Date.now() + waitMs;
    if (dueMs >= this.#boardDueMs) return;
    this.#boardDueMs = dueMs;
    clearTimeout(this.#boardTimer);
    this.#boardTimer = setTimeout(() => {
      this.#boardDueMs = Number.POSITIVE_INFINITY;
      this.#reading = this.#reading.then(() => this.#readBoard());
    }, waitMs);
  }

  async #readBoard(): Promise<void> {
    const attempt = this.#attempt;
    const answer = await this.#board.read(this.#tokens.token);
    if (attempt !== this.#attempt) return;
    if (answer.kind === 'token') return this.#askForToken(attempt);
    const isAway = answer.kind === 'away';
    if (answer.kind === 'board') {
      if (this.#market.board === undefined) this.#status.withdraw('unstored');
      this.#market.applyBoard(answer.board);
    } else if (isAway && this.#market.board === undefined && this.#client?.state === 'live') {
      this.#status.notice('unstored');
    }
    this.#readBoardIn(isAway ? BOARD_RETRY_MS : BOARD_EVERY_MS);
  }

  #draw(nowMs: number): void {
    const { board } = this.#market;
    this.#table.update(this.#market.takeChanged(), board?.beginMicros ?? 0, nowMs);
    if (!this.#pulse.rollOver(nowMs)) return;
    this.#status.showPulse(this.#pulse);
    this.#status.showBreadth(this.#market.breadth(), this.#market.size, board?.date);
    const isFiltered = this.#market.size > 0;
    this.#status.showEmpty(this.#table.visibleRows === 0 && (isFiltered || board !== undefined), isFiltered);
  }
}

new Dashboard().start();
