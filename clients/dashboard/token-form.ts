import { element, show, write } from './page-elements.ts';
import type { PageLanguage } from './page-language.ts';

const KEY = 'tickgate.token';

/** The token: asked for where the gateway needs one, kept for this tab only. */
export class TokenForm {
  readonly #language: PageLanguage;
  readonly #form = element('token-form', HTMLFormElement);
  readonly #why = element('token-why', HTMLElement);
  readonly #input = element('token', HTMLInputElement);
  readonly #forget = element('forget', HTMLButtonElement);
  readonly #market = element('market', HTMLElement);

  /** @param onToken called with each token given */
  constructor(language: PageLanguage, onToken: (token: string) => void) {
    this.#language = language;
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      const token = this.#input.value.trim();
      if (token === '') return;
      sessionStorage.setItem(KEY, token);
      this.#input.value = '';
      this.#show(false);
      onToken(token);
    });
    this.#forget.addEventListener('click', () => {
      sessionStorage.removeItem(KEY);
      location.reload();
    });
    show(this.#forget, this.token !== undefined);
  }

  get token(): string | undefined {
    return sessionStorage.getItem(KEY) ?? undefined;
  }

  /** Asks for a token; where there is one already, it was not good. */
  ask(): void {
    const name = this.token === undefined ? 'tokenNeeded' : 'tokenWrong';
    this.#why.dataset['text'] = name;
    write(this.#why, this.#language.text(name));
    sessionStorage.removeItem(KEY);
    this.#show(true);
    this.#input.focus();
  }

  #show(isAsking: boolean): void {
    show(this.#form, isAsking);
    show(this.#market, !isAsking);
    show(this.#forget, this.token !== undefined);
  }
}
