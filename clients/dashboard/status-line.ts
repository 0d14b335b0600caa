import type { LivePulse } from './live-pulse.ts';
import type { MarketBreadth } from './market.ts';
import { formatLag, formatWhole } from './number-format.ts';
import { element, show, write } from './page-elements.ts';
import type { PageLanguage } from './page-language.ts';
import type { TextName } from './texts.ts';

export type PageState = 'connecting' | 'live' | 'waiting' | 'closed';

/** Status line above the table: state of the connection, notices, breadth of the market. */
export class StatusLine {
  readonly #language: PageLanguage;
  readonly #state = element('state', HTMLElement);
  readonly #notice = element('notice', HTMLElement);
  readonly #market = element('market', HTMLElement);
  #said: { readonly name: TextName; readonly values: readonly string[] } | undefined;

  constructor(language: PageLanguage) {
    this.#language = language;
  }

  showState(state: PageState): void {
    this.#state.dataset['state'] = state;
    const label = this.#state.querySelector<HTMLElement>('[data-text]');
    if (label !== null) {
      label.dataset['text'] = state;
      write(label, this.#language.text(state));
    }
  }

  /** Fades stale prices: they must differ from prices that do not move. */
  showStale(isStale: boolean): void {
    this.#market.classList.toggle('stale', isStale);
  }

  /** Shows a sentence, or none. */
  notice(name?: TextName, ...values: readonly string[]): void {
    this.#said = name === undefined ? undefined : { name, values };
    this.refresh();
  }

  /** Takes a sentence back, if it is the one that stands there. */
  withdraw(name: TextName): void {
    if (this.#said?.name === name) this.notice();
  }

  showPulse(pulse: LivePulse): void {
    write(element('lag', HTMLElement), pulse.lagMs === undefined ? '–' : formatLag(pulse.lagMs));
    write(element('rate', HTMLElement), formatWhole(pulse.ticksPerSecond));
  }

  showBreadth({ up, down, same }: MarketBreadth, count: number, date: string | undefined): void {
    write(element('up', HTMLElement), formatWhole(up));
    write(element('down', HTMLElement), formatWhole(down));
    write(element('same', HTMLElement), formatWhole(same));
    write(element('count', HTMLElement), formatWhole(count));
    const day = element('day', HTMLElement).querySelector('bdi');
    if (day !== null) write(day, date ?? '');
  }

  showEmpty(isEmpty: boolean, isFiltered: boolean): void {
    const empty = element('empty', HTMLElement);
    show(empty, isEmpty);
    if (isEmpty) write(empty, this.#language.text(isFiltered ? 'nothingFits' : 'empty'));
  }

  /** Writes the notice again, in the language of now. */
  refresh(): void {
    const said = this.#said;
    show(this.#notice, said !== undefined);
    write(this.#notice, said === undefined ? '' : this.#language.text(said.name, ...said.values));
  }
}
