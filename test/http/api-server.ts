import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../../src/config.ts';
import { AccessTokens } from '../../src/http/access-tokens.ts';
import { addApiRoutes } from '../../src/http/api-routes.ts';
import { createHttpServer } from '../../src/http/http-server.ts';
import { StoredData } from '../../src/gateway/stored-data.ts';

export interface TestToken {
  readonly token: string;
  readonly roles: readonly string[];
  readonly symbols?: readonly string[];
}

/** The API as the gateway has it, without the rest of the gateway. */
export interface ApiServer extends AsyncDisposable {
  readonly app: FastifyInstance;
}

export async function createApiServer(
  config: Config,
  options: { readonly tokens?: readonly TestToken[]; readonly allowedOrigins?: readonly string[] } = {},
): Promise<ApiServer> {
  const folder = await mkdtemp(join(tmpdir(), 'tickgate-api-'));
  const file = join(folder, 'tokens.json');
  if (options.tokens !== undefined) {
    const rows = options.tokens.map(({ token, ...row }) => ({ name: token, sha256: sha256(token), ...row }));
    await writeFile(file, JSON.stringify({ tokens: rows }));
  }
  const tokens = new AccessTokens(options.tokens === undefined ? undefined : file);
  const queries = new StoredData(config);
  const app = createHttpServer(config);
  addApiRoutes(app, {
    queries,
    limits: config,
    tokens,
    timeZone: config.barsTimeZone,
    allowedOrigins: new Set(options.allowedOrigins),
  });
  return {
    app,
    async [Symbol.asyncDispose]() {
      await app.close();
      await queries[Symbol.asyncDispose]();
      tokens[Symbol.dispose]();
      await rm(folder, { recursive: true });
    },
  };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
