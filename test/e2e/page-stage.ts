import type { Browser } from 'playwright-core';
import { type Gateway, startGateway } from '../../src/gateway/gateway.ts';
import { openTestMarket, type TestMarket } from '../support/test-market.ts';
import { launchChromium } from './page-browser.ts';

/** A gateway on a market of its own, and a browser to look at its page with. */
export interface PageStage {
  readonly market: TestMarket;
  readonly gateway: Gateway;
  readonly browser: Browser;
  close(): Promise<void>;
}

/** Only where Chromium is at hand: see `missingChromium`. */
export async function openPageStage(): Promise<PageStage> {
  const market = await openTestMarket();
  await market.run('setup-db');
  const gateway = await startGateway(market.config);
  const browser = await launchChromium();
  return {
    market,
    gateway,
    browser,
    async close() {
      await browser.close();
      await gateway.close();
      await market.close();
    },
  };
}
