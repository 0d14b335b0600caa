import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Browser, Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import { findFreePort } from '../../src/stack/free-port.ts';
import { suite } from '../support/suite.ts';
import { gatewayAddress, killed, openTestMarket, type TestMarket, until } from '../support/test-market.ts';
import { launchChromium, missingChromium, openPage, rowOf } from './page-browser.ts';
import { startMovingFeed } from './page-feed.ts';

const test = suite('the page survives a restart of its gateway', { timeoutMs: 120_000, hookTimeoutMs: 600_000 });
const SYMBOLS = ['COMI', 'SWDY'];
let why: string | undefined;
let market: TestMarket;
let browser: Browser;
let port: string;

test.before(async () => {
  why = await missingChromium();
  if (why !== undefined) return;
  market = await openTestMarket();
  await market.run('setup-db');
  port = String(await findFreePort());
  browser = await launchChromium();
});
test.after(async () => {
  if (why !== undefined) return;
  await browser.close();
  await market.close();
});

async function startGateway(): Promise<{ child: ChildProcess; url: string }> {
  const child = market.spawn(['serve'], { GATEWAY_PORT: port });
  return { child, url: await gatewayAddress(child) };
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}

const stateOf = (page: Page): Promise<string | null> => page.locator('#state').getAttribute('data-state');
const isStale = (page: Page): Promise<boolean> => page.evaluate<boolean>('document.querySelector(".stale") !== null');

async function untilMoving(page: Page): Promise<void> {
  const before = (await rowOf(page, 'COMI'))?.['trades'];
  await until('prices move', async () => {
    const row = await rowOf(page, 'COMI');
    return (await stateOf(page)) === 'live' && row !== undefined && row['trades'] !== before;
  });
}

for (const [how, stop] of [
  ['killed', killed],
  ['told to end', ended],
] as const) {
  test(`a gateway that is ${how}, and another in its place`, async (context) => {
    if (why !== undefined) context.skip(why);
    const first = await startGateway();
    await using feed = startMovingFeed({ url: first.url, feed: `page-${how.replaceAll(' ', '-')}`, symbols: SYMBOLS });
    const { page, complaints } = await openPage(browser);
    await page.goto(first.url);
    await untilMoving(page);
    await page.evaluate('window.isSamePage = true');

    await stop(first.child);
    await until('the page says so', async () => (await stateOf(page)) !== 'live', 2_000);
    await page.waitForSelector('#notice:has-text("The connection is lost")');
    assert.is(await isStale(page), true);
    const frozen = await rowOf(page, 'COMI');
    const said = await page.locator('#notice').textContent();
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    assert.not.equal(await stateOf(page), 'live');
    assert.is(await page.locator('#notice').isVisible(), true);
    assert.is(await page.locator('#notice').textContent(), said, 'it names the moment of the loss');
    assert.equal(await rowOf(page, 'COMI'), frozen);

    const second = await startGateway();
    await untilMoving(page);
    assert.is(await isStale(page), false);
    assert.is(await page.locator('#notice').isVisible(), false);
    assert.is(await page.evaluate('window.isSamePage'), true, 'nobody reloaded it');

    const sums = await feed.stop();
    for (const [symbol, { volume, trades }] of sums) {
      const stored = await market.count(`SELECT count(*) FROM ${market.prefix}_ticks WHERE symbol = '${symbol}'`);
      assert.ok(stored >= trades);
      await until('nothing is missing on the page', async () => {
        const row = await rowOf(page, symbol);
        return row?.['trades'] === stored.toLocaleString('en') && Number(row['volume']?.replaceAll(',', '')) >= volume;
      });
    }
    assert.equal(complaints, []);
    await page.context().close();
    await killed(second.child);
  });
}
