import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { UsageError } from '../../src/errors.ts';
import { startGateway } from '../../src/gateway/gateway.ts';
import { AccessTokens } from '../../src/http/access-tokens.ts';
import { setLogLevel } from '../../src/logger.ts';
import { loadConfig } from '../../src/config.ts';
import { tokenOf, tokenRow } from '../bad-input/gateway-under-test.ts';
import { suite } from '../support/suite.ts';
import { until } from '../support/test-market.ts';

const test = suite('access tokens');
let folder = '';
let file = '';
test.before(async () => {
  setLogLevel('silent');
  folder = await mkdtemp(join(tmpdir(), 'tickgate-tokens-'));
  file = join(folder, 'tokens.json');
});
test.after(() => rm(folder, { recursive: true }));

async function tokensOf(...rows: readonly object[]): Promise<AccessTokens> {
  await writeFile(file, JSON.stringify({ tokens: rows }));
  return new AccessTokens(file);
}

test('a token stands for its row, and nothing near it does', async () => {
  using tokens = await tokensOf(tokenRow('a', { roles: ['feed'] }), tokenRow('b', { roles: ['live'] }));
  assert.is(tokens.principalOf(tokenOf('a'))?.name, 'a');
  assert.is(tokens.principalOf(tokenOf('b'))?.name, 'b');
  const token = tokenOf('a');
  for (const wrong of ['', ' ', `${token} `, token.slice(0, -1), token.toUpperCase(), `${token}\0`, 'a', 'undefined'])
    assert.is(tokens.principalOf(wrong), undefined, wrong);
});

test('every row is compared, wherever the right one stands', async () => {
  const rows = Array.from({ length: 50 }, (_, at) => tokenRow(`t${at}`, { roles: ['feed'] }));
  using tokens = await tokensOf(...rows);
  for (const at of [0, 25, 49]) assert.is(tokens.principalOf(tokenOf(`t${at}`))?.name, `t${at}`);
});

const RIGHTS: ReadonlyArray<readonly [rights: object, publish: Record<string, boolean>]> = [
  [{ roles: ['feed'] }, { 'egx-main': true, '~': true }],
  [{ roles: ['live'] }, { 'egx-main': false, '~': false }],
  [
    { roles: ['feed'], feeds: ['egx-main'] },
    { 'egx-main': true, 'egx-main2': false, 'egx-mai': false, '~': false },
  ],
  [
    { roles: ['feed'], feeds: ['egx-*', 'other'] },
    { 'egx-main': true, 'egx-': true, egx: false, other: true, others: false },
  ],
  [
    { roles: ['feed'], feeds: ['~'] },
    { 'egx-main': false, '~': true },
  ],
  [
    { roles: ['feed'], feeds: [] },
    { 'egx-main': false, '~': false },
  ],
];
for (const [rights, publish] of RIGHTS) {
  test(`${JSON.stringify(rights)} may publish ${
    Object.keys(publish)
      .filter((feed) => publish[feed])
      .join(' ') || 'nothing'
  }`, async () => {
    using tokens = await tokensOf(tokenRow('a', rights));
    const principal = tokens.principalOf(tokenOf('a'));
    for (const [feed, may] of Object.entries(publish)) assert.is(principal?.mayPublish(feed), may, feed);
  });
}

test('the file is read again when it changes: who is new gets in, who is gone or changed is not valid', async () => {
  using tokens = await tokensOf(
    tokenRow('stays', { roles: ['feed'] }),
    tokenRow('goes', { roles: ['feed'] }),
    tokenRow('changes', { roles: ['feed'] }),
  );
  const [stays, goes, changes] = ['stays', 'goes', 'changes'].map((name) => tokens.principalOf(tokenOf(name)));
  let reloads = 0;
  tokens.onReload(() => (reloads += 1));
  await writeFile(
    file,
    JSON.stringify({
      tokens: [
        tokenRow('stays', { roles: ['feed'] }),
        tokenRow('changes', { roles: ['live'] }),
        tokenRow('new', { roles: ['feed'] }),
      ],
    }),
  );
  await until('the file is read', () => reloads > 0);
  assert.is(tokens.principalOf(tokenOf('new'))?.name, 'new');
  assert.is(tokens.principalOf(tokenOf('goes')), undefined);
  const valid = [stays, goes, changes].map((principal) => principal !== undefined && tokens.isValid(principal));
  assert.equal(valid, [true, false, false]);
});

test('a file that cannot be used leaves the tokens as they were', async () => {
  using tokens = await tokensOf(tokenRow('a', { roles: ['feed'] }));
  for (const content of ['', '{', '{"tokens":[]}', '{"tokens":[{"name":"a"}]}']) {
    await writeFile(file, content);
    tokens.reload();
    assert.is(tokens.principalOf(tokenOf('a'))?.name, 'a', content);
  }
  await rm(file);
  tokens.reload();
  assert.is(tokens.principalOf(tokenOf('a'))?.name, 'a');
});

const BAD_FILES: ReadonlyArray<readonly [name: string, content: string | undefined]> = [
  ['missing', undefined],
  ['empty', ''],
  ['no JSON', 'token'],
  ['no rows', '{"tokens":[]}'],
  ['a token in the clear', JSON.stringify({ tokens: [{ name: 'a', token: 'x', roles: ['feed'] }] })],
  ['a hash that is too short', JSON.stringify({ tokens: [{ name: 'a', sha256: 'ab', roles: ['feed'] }] })],
  ['an unknown role', JSON.stringify({ tokens: [tokenRow('a', { roles: ['admin'] })] })],
  ['no role', JSON.stringify({ tokens: [tokenRow('a', { roles: [] })] })],
  ['an unknown member', JSON.stringify({ tokens: [tokenRow('a', { roles: ['feed'], symbol: ['A'] })] })],
];
for (const [name, content] of BAD_FILES) {
  test(`a tokens file that is ${name} is refused at the start`, async () => {
    await rm(file, { force: true });
    if (content !== undefined) await writeFile(file, content);
    try {
      new AccessTokens(file)[Symbol.dispose]();
      assert.unreachable('it was taken');
    } catch (error) {
      assert.instance(error, UsageError);
      assert.match(String(error), /GATEWAY_TOKENS_FILE/);
    }
  });
}

for (const host of ['0.0.0.0', '::', '192.0.2.1', '127.evil.test', 'gateway.test']) {
  test(`no tokens on ${host}: the gateway does not start`, async () => {
    try {
      await startGateway(
        loadConfig({ ...process.env, GATEWAY_HOST: host, GATEWAY_TOKENS_FILE: '', GATEWAY_PORT: '0' }),
      );
      assert.unreachable('it started');
    } catch (error) {
      assert.instance(error, UsageError);
      assert.match(String(error), /no tokens/);
    }
  });
}
