import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { runCommand } from '../../src/stack/run-command.ts';
import { withLock } from '../../src/stack/stack-lock.ts';

const CHROMIUM = '/usr/bin/chromium';
const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const INSTALL_LOCK = join(tmpdir(), 'tickgate-chromium.lock');

/** Makes sure that Debian's Chromium is there. @returns why it cannot be, or undefined */
export async function missingChromium(): Promise<string | undefined> {
  if (existsSync(CHROMIUM)) return undefined;
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version'))
    return 'Chromium is not at hand (/usr/bin/chromium)';
  // Another test file may be installing it.
  return withLock(INSTALL_LOCK, () => undefined, installChromium);
}

async function installChromium(): Promise<string | undefined> {
  if (existsSync(CHROMIUM)) return undefined;
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const command of [['update'], ['install', '--yes', '--no-install-recommends', 'chromium']]) {
    const { code } = await runCommand('apt-get', ['--quiet', ...command], { env: environment });
    if (code !== 0) return 'Chromium cannot be installed (apt-get install chromium)';
  }
  return existsSync(CHROMIUM) ? undefined : 'Chromium is not in this Debian';
}

export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
}

/** A page, and what it complained about: nothing may. */
export interface WatchedPage {
  readonly page: Page;
  /** Errors of the program and violations of the content policy; failed requests are told apart by the tests. */
  readonly complaints: readonly string[];
}

export async function openPage(
  browser: Browser,
  options: { readonly locale?: string; readonly width?: number; readonly dark?: boolean } = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({
    viewport: { width: options.width ?? 1_280, height: 800 },
    locale: options.locale ?? 'en-GB',
    colorScheme: options.dark === true ? 'dark' : 'light',
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    const isOfNetwork = /Failed to load resource|WebSocket connection to/.test(message.text());
    if (message.type() === 'error' && !isOfNetwork) complaints.push(message.text());
  });
  return { page, complaints };
}

/** What the table shows of a symbol, cell by cell; undefined while the symbol is not there. */
export async function rowOf(page: Page, symbol: string): Promise<Readonly<Record<string, string>> | undefined> {
  const row = page.locator('tbody tr').filter({ has: page.locator('th', { hasText: new RegExp(`^${symbol}$`) }) });
  if ((await row.count()) === 0) return undefined;
  const cells = ['price', 'change', 'ratio', 'volume', 'trades'];
  const texts = await Promise.all(cells.map((cell) => row.locator(`td.${cell}`).textContent()));
  return Object.fromEntries(cells.map((cell, at) => [cell, texts[at] ?? '']));
}
