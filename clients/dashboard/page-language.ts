import { isTextName, type Language, type TextName, textOf } from './texts.ts';

const KEY = 'tickgate.language';

/** The language of the page: that of the browser, or the one chosen before. */
export class PageLanguage {
  #language: Language;

  constructor() {
    const chosen = localStorage.getItem(KEY) ?? navigator.language;
    this.#language = chosen.startsWith('ar') ? 'ar' : 'en';
    this.#apply();
  }

  text(name: TextName, ...values: readonly string[]): string {
    return textOf(name, this.#language, ...values);
  }

  toggle(): void {
    this.#language = this.#language === 'ar' ? 'en' : 'ar';
    localStorage.setItem(KEY, this.#language);
    this.#apply();
  }

  /** Writes every text that stands in the page itself. */
  #apply(): void {
    const { documentElement } = document;
    documentElement.lang = this.#language;
    documentElement.dir = this.#language === 'ar' ? 'rtl' : 'ltr';
    document.title = this.text('title');
    for (const node of document.querySelectorAll<HTMLElement>('[data-text]')) {
      const name = node.dataset['text'] ?? '';
      if (isTextName(name)) node.textContent = this.text(name);
    }
    for (const node of document.querySelectorAll<HTMLInputElement>('#filter')) {
      node.placeholder = this.text('filter');
      node.setAttribute('aria-label', this.text('filter'));
    }
    document.getElementById('language')?.setAttribute('lang', this.#language === 'ar' ? 'en' : 'ar');
  }
}
