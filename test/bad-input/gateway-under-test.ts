import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../../src/config.ts';
import { type Gateway, startGateway } from '../../src/gateway/gateway.ts';
import { setupDatabase } from '../../src/store/setup-database.ts';
import { openTestMarket, type TestMarket, until } from '../support/test-market.ts';
import { tokenOf, tokenRow } from '../support/test-tokens.ts';

export { tokenOf, tokenRow } from '../support/test-tokens.ts';

/** Tokens of the gateway under test, and what each allows. */
export const TOKENS = {
  feed: { roles: ['feed'] },
  /** May publish under names that begin with `egx-`, and nothing else. */
  narrow: { roles: ['feed'], feeds: ['egx-*'] },
  live: { roles: ['live'] },
} as const;

/** The header that brings a token with the upgrade. */
export function bearer(name: string): { readonly Authorization: string } {
  return { Authorization: `Bearer ${tokenOf(name)}` };
}

/** A gateway in this process, with a database, a prefix and a tokens file of its own. */
export class GatewayUnderTest implements AsyncDisposable {
  readonly gateway: Gateway;
  readonly config: Config;
  readonly market: TestMarket;
  readonly tokensFile: string;
  readonly #folder: string;

  private constructor(gateway: Gateway, config: Config, market: TestMarket, folder: string) {
    this.gateway = gateway;
    this.config = config;
    this.market = market;
    this.tokensFile = join(folder, 'tokens.json');
    this.#folder = folder;
  }

  /** Settings of the environment with `changes`; ready when feeds can open. `TICKGATE_TEST_LOG` shows its log. */
  static async start(changes: Record<string, string> = {}): Promise<GatewayUnderTest> {
    const logLevel = process.env['TICKGATE_TEST_LOG'] ?? 'silent';
    const market = await openTestMarket();
    const folder = await mkdtemp(join(tmpdir(), 'tickgate-bad-input-'));
    const tokensFile = join(folder, 'tokens.json');
    const rows = Object.entries(TOKENS).map(([name, rights]) => tokenRow(name, rights));
    await writeFile(tokensFile, JSON.stringify({ tokens: rows }));
    await setupDatabase(market.db, market.config);
    const config = market.configWith({ GATEWAY_TOKENS_FILE: tokensFile, LOG_LEVEL: logLevel, ...changes });
    const gateway = await startGateway(config);
    const subject = new GatewayUnderTest(gateway, config, market, folder);
    const isReady = (): boolean => Object.values(gateway.readiness().dependencies).every((each) => each.ok);
    try {
      await until('the gateway is ready', isReady);
    } catch (error) {
      const { dependencies } = gateway.readiness();
      await subject[Symbol.asyncDispose]();
      throw new Error(`not ready: ${JSON.stringify(dependencies)}`, { cause: error });
    }
    return subject;
  }

  get port(): number {
    return this.gateway.port;
  }

  /** Replaces the rows of the tokens file. */
  async writeTokens(rows: readonly object[]): Promise<void> {
    await writeFile(this.tokensFile, JSON.stringify({ tokens: rows }));
  }

  /** Ticks stored of one symbol. */
  countTicks(symbol: string): Promise<number> {
    return this.market.count(`(SELECT count(*) FROM ${this.market.prefix}_ticks WHERE symbol = '${symbol}')`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gateway.close();
    await this.market.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
