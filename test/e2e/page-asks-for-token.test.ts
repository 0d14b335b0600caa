import { EventEmitter, once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import { type Gateway, startGateway } from '../../src/gateway/gateway.ts';
import { suite } from '../support/suite.ts';
import { openTestMarket, type TestMarket, until } from '../support/test-market.ts';
import { launchChromium, missingChromium, openPage, rowOf } from './page-browser.ts';
import { type MovingFeed, startMovingFeed } from './page-feed.ts';

const test = suite('the page asks for a token where one is needed', { timeoutMs: 60_000, hookTimeoutMs: 600_000 });
let why: string | undefined;
let market: TestMarket;
let gateway: Gateway;
let browser: Browser;
let folder: string;
let feed: MovingFeed;
const tokens: Record<string, string> = {};

test.before(async () => {
  why = await missingChromium();
  if (why !== undefined) return;
  market = await openTestMarket();
  await market.run('setup-db');
  folder = await mkdtemp(join(tmpdir(), 'tickgate-page-'));
  const file = join(folder, 'tokens.json');
  for (const [name, ...rights] of [
    ['feed', '--role', 'feed'],
    ['all', '--role', 'live'],
    ['one', '--role', 'live', '--symbol', 'SWDY'],
  ] as const) {
    const { stdout } = await market.run('--json', 'token', '--name', name, ...rights, '--file', file);
    tokens[name] = z.object({ token: z.string() }).parse(JSON.parse(stdout)).token;
  }
  gateway = await startGateway(market.configWith({ GATEWAY_TOKENS_FILE: file }));
  feed = startMovingFeed({
    url: gateway.url,
    feed: 'page-token',
    symbols: ['COMI', 'SWDY'],
    token: tokens['feed'] ?? '',
  });
  browser = await launchChromium();
});
test.after(async () => {
  if (why !== undefined) return;
  await feed[Symbol.asyncDispose]();
  await browser.close();
  await gateway.close();
  await market.close();
  await rm(folder, { recursive: true });
});

test('asks, refuses a wrong one, takes a right one, keeps it for the tab, forgets it', async (context) => {
  if (why !== undefined) context.skip(why);
  const { page, complaints } = await openPage(browser);
  await page.goto(gateway.url);
  await page.waitForSelector('#token-form:has-text("This gateway needs a token.")');
  assert.is(await page.locator('table').isVisible(), false);
  assert.is(await page.locator('#token').getAttribute('type'), 'password');

  await page.fill('#token', 'wrong');
  await page.click('#token-form button');
  await page.waitForSelector('#token-form:has-text("That token is not known.")');
  assert.is(await afterHeldBoard(page, 'wrong again'), 'That token is not known. Try another.');

  await page.fill('#token', tokens['all'] ?? '');
  await page.keyboard.press('Enter');
  await until('both symbols are there', async () => {
    return (await rowOf(page, 'COMI')) !== undefined && (await rowOf(page, 'SWDY')) !== undefined;
  });
  assert.is(await page.locator('#token-form').isVisible(), false);
  assert.not.match(page.url(), 'tickgate_');

  await page.reload();
  await until('the token was kept', async () => (await rowOf(page, 'COMI')) !== undefined);
  await page.click('#forget');
  await page.waitForSelector('#token-form:has-text("This gateway needs a token.")');
  assert.equal(complaints, []);
  await page.context().close();
});

/**
 * What the page says when the board is refused long after the live connection: one token is asked for once, and an
 * answer about an earlier one says nothing of it.
 */
async function afterHeldBoard(page: Page, token: string): Promise<string | null> {
  const gate = new EventEmitter();
  const opened = once(gate, 'open');
  await page.route('**/api/board', async (route) => {
    await opened;
    await route.continue();
  });
  const answered = page.waitForResponse('**/api/board');
  await page.fill('#token', token);
  await page.click('#token-form button');
  await page.waitForSelector('#token-form:has-text("That token is not known.")');
  gate.emit('open');
  await answered;
  await page.evaluate('new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))');
  await page.unroute('**/api/board');
  return page.textContent('#token-why');
}

test('shows the symbols of the token and no others', async (context) => {
  if (why !== undefined) context.skip(why);
  const { page, complaints } = await openPage(browser);
  await page.goto(gateway.url);
  await page.fill('#token', tokens['one'] ?? '');
  await page.keyboard.press('Enter');
  await until('its symbol is there', async () => (await rowOf(page, 'SWDY')) !== undefined);
  const before = await rowOf(page, 'SWDY');
  await until('and moves', async () => (await rowOf(page, 'SWDY'))?.['trades'] !== before?.['trades']);
  assert.equal(await page.locator('tbody th').allTextContents(), ['SWDY']);
  assert.equal(complaints, []);
  await page.context().close();
});

test('a token that may not watch is told so', async (context) => {
  if (why !== undefined) context.skip(why);
  const { page } = await openPage(browser);
  await page.goto(gateway.url);
  await page.fill('#token', tokens['feed'] ?? '');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#notice:has-text("may not watch")');
  assert.is(await page.locator('#forget').isVisible(), true);
  await page.context().close();
});
