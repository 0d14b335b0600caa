import type { Browser, Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import type { Gateway } from '../../src/gateway/gateway.ts';
import { suite } from '../support/suite.ts';
import { type TestMarket, until } from '../support/test-market.ts';
import { missingChromium, openPage, rowOf } from './page-browser.ts';
import { startMovingFeed } from './page-feed.ts';
import { openPageStage, type PageStage } from './page-stage.ts';

const test = suite('the page shows live prices', { timeoutMs: 60_000, hookTimeoutMs: 600_000 });
const SYMBOLS = ['ABUK', 'COMI', 'ETEL', 'FWRY', 'SWDY'];
let why: string | undefined;
let stage: PageStage | undefined;
let market: TestMarket;
let gateway: Gateway;
let browser: Browser;

test.before(async () => {
  why = await missingChromium();
  if (why !== undefined) return;
  stage = await openPageStage();
  ({ market, gateway, browser } = stage);
  await using stored = startMovingFeed({ url: gateway.url, feed: 'page-stored', symbols: SYMBOLS });
  await stored.stop();
});
test.after(async () => {
  await stage?.close();
});

async function waitForState(page: Page, state: string): Promise<void> {
  await page.waitForSelector(`#state[data-state="${state}"]`, { timeout: 20_000 });
}

test('price, change, volume and trades are those that were sent, whenever the page was opened', async (context) => {
  if (why !== undefined) context.skip(why);
  const symbols = ['SUM1', 'SUM2', 'SUM3'];
  await using feed = startMovingFeed({ url: gateway.url, feed: 'page-sums', symbols });
  const early = await openPage(browser);
  await early.page.goto(gateway.url);
  await until('the page shows the feed', async () => (await rowOf(early.page, 'SUM1')) !== undefined);
  const late = await openPage(browser);
  await late.page.goto(gateway.url);
  await waitForState(late.page, 'live');
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const sums = await feed.stop();
  for (const { page, complaints } of [early, late]) {
    for (const [symbol, { price, volume, trades }] of sums) {
      const expected = [price.toFixed(2), volume.toLocaleString('en'), String(trades)];
      let seen: unknown;
      const isAsSent = async (): Promise<boolean> => {
        const row = await rowOf(page, symbol);
        seen = [row?.['price'], row?.['volume'], row?.['trades']];
        return JSON.stringify(seen) === JSON.stringify(expected);
      };
      await until(`${symbol} is as sent`, isAsSent, 5_000).catch(() => assert.equal(seen, expected));
    }
    assert.equal(complaints, []);
    await page.context().close();
  }
});

test('the change is that since the close before the day', async (context) => {
  if (why !== undefined) context.skip(why);
  const yesterday = new Date(Date.now() - 86_400_000).toISOString();
  await market.run('buffer-tick', 'PREV', '20', '5', yesterday, '--wait');
  await market.run('buffer-tick', 'PREV', '25', '7', '--wait');
  const { page } = await openPage(browser);
  await page.goto(gateway.url);
  await until('the row is there', async () => (await rowOf(page, 'PREV')) !== undefined);
  assert.equal(await rowOf(page, 'PREV'), {
    price: '25.00',
    change: '+5.00',
    ratio: '+25.00%',
    volume: '7',
    trades: '1',
  });
  await page.context().close();
});

test('the store is away: live prices go on, and the page says what is missing', async (context) => {
  if (why !== undefined) context.skip(why);
  await using feed = startMovingFeed({ url: gateway.url, feed: 'page-unstored', symbols: ['AWAY'] });
  await new Promise((resolve) => setTimeout(resolve, 500));
  await market.db.query('BEGIN');
  await market.db.query(`LOCK TABLE ${market.prefix}_bars_1m IN ACCESS EXCLUSIVE MODE`);
  const { page, complaints } = await openPage(browser);
  await page.goto(gateway.url);
  await page.waitForSelector('#notice:has-text("The store cannot be read now")', { timeout: 20_000 });
  const before = await rowOf(page, 'AWAY');
  await until('its price moves', async () => (await rowOf(page, 'AWAY'))?.['price'] !== before?.['price']);
  await market.db.query('ROLLBACK');
  await page.waitForSelector('#notice', { state: 'hidden', timeout: 20_000 });
  assert.ok((await rowOf(page, 'COMI')) !== undefined, 'what is stored is there again');
  assert.equal(complaints, []);
  await feed.stop();
  await page.context().close();
});

test('filter, order, and the keyboard', async (context) => {
  if (why !== undefined) context.skip(why);
  const { page } = await openPage(browser);
  await page.goto(gateway.url);
  await until('the rows are there', async () => (await rowOf(page, 'SWDY')) !== undefined);
  const symbols = (): Promise<string[]> => page.locator('tbody th').allTextContents();
  assert.equal(await symbols(), [...(await symbols())].sort());
  await page.keyboard.press('/');
  await page.keyboard.type('sum');
  await until('the filter holds', async () => (await symbols()).length === 3);
  await page.keyboard.type('nothing');
  await page.waitForSelector('#empty:has-text("No symbol fits the filter.")');
  await page.fill('#filter', '');
  const head = page.getByRole('columnheader', { name: 'Volume' });
  await head.getByRole('button').click();
  assert.is(await head.getAttribute('aria-sort'), 'descending');
  const volumes = async (): Promise<number[]> =>
    (await page.locator('tbody td.volume').allTextContents()).map((text) => Number(text.replaceAll(',', '')));
  const isFalling = async (): Promise<boolean> => {
    const list = await volumes();
    return list.length > SYMBOLS.length && list.every((volume, at) => at === 0 || volume <= (list[at - 1] ?? 0));
  };
  await until('the largest volume comes first', isFalling);
  assert.is(await page.getByRole('table').count(), 1);
  assert.is(await page.getByRole('rowheader').count(), (await volumes()).length);
  await page.context().close();
});

test('Arabic reads from the right, figures from the left; the choice is kept', async (context) => {
  if (why !== undefined) context.skip(why);
  const { page, complaints } = await openPage(browser, { locale: 'ar-EG' });
  await page.goto(gateway.url);
  await waitForState(page, 'live');
  const html = page.locator('html');
  assert.equal([await html.getAttribute('lang'), await html.getAttribute('dir')], ['ar', 'rtl']);
  assert.is(await page.locator('#state').innerText(), 'مباشر');
  const [symbol, time] = await Promise.all(
    ['symbol', 'time'].map((column) => page.locator(`th[data-column=${column}]`).boundingBox()),
  );
  assert.ok((symbol?.x ?? 0) > (time?.x ?? 0));
  await page.click('#language');
  await page.reload();
  assert.is(await html.getAttribute('dir'), 'ltr');
  assert.equal(complaints, []);
  await page.context().close();
});

test('nothing is cut off on a phone', async (context) => {
  if (why !== undefined) context.skip(why);
  for (const locale of ['en-GB', 'ar-EG']) {
    const { page } = await openPage(browser, { width: 360, locale });
    await page.goto(gateway.url);
    await waitForState(page, 'live');
    const overhang = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
    assert.is(overhang, 0, locale);
    await page.context().close();
  }
});
