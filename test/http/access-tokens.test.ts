import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { UsageError } from '../../src/errors.ts';
import { AccessTokens } from '../../src/http/access-tokens.ts';
import { parseTokenRows } from '../../src/http/tokens/token-rows.ts';
import { setLogLevel } from '../../src/logger.ts';
import { tokenOf, tokenRow } from '../support/test-tokens.ts';
import { FakeClock } from '../support/fake-clock.ts';
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

test('an emptied list is valid: nobody gets in, and the gateway is not open', async () => {
  using tokens = await tokensOf(tokenRow('gone', { roles: ['feed'] }));
  const gone = tokens.principalOf(tokenOf('gone'));
  await writeFile(file, '{"tokens":[]}');
  tokens.reload();
  assert.is(tokens.authenticate(tokenOf('gone')), undefined);
  assert.not(gone === undefined || tokens.isValid(gone));
  assert.not(tokens.isOpen);
  assert.equal(tokens.health, { tokens: { ok: true, detail: '0 tokens' } });
  using fresh = new AccessTokens(file);
  assert.not(fresh.isOpen);
  assert.is(fresh.authenticate(''), undefined);
});

test('a row that is mistyped refuses itself only: a token removed beside it is out, the others stay', async () => {
  using tokens = await tokensOf(tokenRow('gone', { roles: ['feed'] }), tokenRow('a', { roles: ['feed'] }));
  const rows = [tokenRow('a', { roles: ['feed'] }), tokenRow('typo', { roles: ['feeds'] })];
  await writeFile(file, JSON.stringify({ tokens: rows }));
  tokens.reload();
  const names = ['gone', 'a', 'typo'].map((name) => tokens.principalOf(tokenOf(name))?.name);
  assert.equal(names, [undefined, 'a', undefined]);
  assert.is(tokens.refused.length, 1);
  assert.equal(tokens.health, { tokens: { ok: true, detail: '1 tokens; rows refused, see the log: 1' } });
  // The same file after a restart: one mistake must not keep the gateway down.
  using fresh = new AccessTokens(file);
  assert.is(fresh.principalOf(tokenOf('a'))?.name, 'a');
});

const GRACE_MS = 5_000;
/** Tokens of the rows, on a monotonic clock that the test moves; `read` reads the file at such a time. */
async function timed(...rows: readonly object[]): Promise<{ tokens: AccessTokens; read: (atMs: number) => void }> {
  let nowMs = 0;
  await writeFile(file, JSON.stringify({ tokens: rows }));
  // A clock that stands still: nothing but `read` reads the file.
  const tokens = new AccessTokens(file, { graceMs: GRACE_MS, monotonicMs: () => nowMs, clock: new FakeClock() });
  return {
    tokens,
    read: (atMs) => {
      nowMs = atMs;
      tokens.reload();
    },
  };
}

test('text that is broken: a token that it does not list is out at once, the others after the grace time', async () => {
  const { tokens, read } = await timed(tokenRow('gone', { roles: ['feed'] }), tokenRow('a', { roles: ['feed'] }));
  const [gone, a] = ['gone', 'a'].map((name) => tokens.principalOf(tokenOf(name)));
  assert.ok(gone !== undefined && a !== undefined);
  await writeFile(file, JSON.stringify({ tokens: [tokenRow('a', { roles: ['feed'] })] }).slice(0, -1));
  read(0);
  assert.ok(tokens.isValid(gone), 'a file that is being written changes nothing for a moment');
  read(400);
  assert.equal([tokens.isValid(gone), tokens.isValid(a)], [false, true]);
  assert.is(tokens.authenticate(tokenOf('gone')), undefined);
  assert.not(tokens.health['tokens']?.ok);
  assert.match(tokens.health['tokens']?.detail ?? '', /JSON.*after 5 s/);
  assert.not(tokens.isUndecided(gone), 'it was removed: its connections are told so');
  read(GRACE_MS);
  assert.not(tokens.isValid(a));
  assert.ok(tokens.isUndecided(a));
  assert.is(tokens.authenticate(tokenOf('a')), 'not-now');
  assert.match(tokens.health['tokens']?.detail ?? '', /nobody gets in/);
  await writeFile(file, JSON.stringify({ tokens: [tokenRow('a', { roles: ['feed'] })] }));
  read(GRACE_MS + 1);
  assert.ok(tokens.isValid(a));
  assert.is(tokens.authenticate(tokenOf('gone')), undefined);
  assert.ok(tokens.health['tokens']?.ok);
  tokens[Symbol.dispose]();
});

for (const [name, make] of [
  ['deleted', () => rm(file)],
  ['emptied of its text', () => writeFile(file, '')],
] as const) {
  test(`a file that is ${name}: the last rows count for the grace time only`, async () => {
    const { tokens, read } = await timed(tokenRow('a', { roles: ['feed'] }));
    let reloads = 0;
    tokens.onReload(() => (reloads += 1));
    await make();
    read(0);
    read(GRACE_MS - 1);
    assert.is(tokens.principalOf(tokenOf('a'))?.name, 'a');
    assert.not(tokens.health['tokens']?.ok);
    read(GRACE_MS);
    assert.is(tokens.authenticate(tokenOf('a')), 'not-now');
    assert.not(tokens.isOpen);
    assert.is(reloads, 2, 'connections are looked at when the fault begins, and when the grace time ends');
    tokens[Symbol.dispose]();
  });
}

test('a token that has ended is not known any more, from that moment on', async () => {
  const clock = new FakeClock(Date.UTC(2026, 0, 1));
  const rows = [
    tokenRow('ends', { roles: ['feed'], expires: '2026-01-01T00:00:10Z' }),
    tokenRow('day', { roles: ['feed'], expires: '2026-01-02' }),
    tokenRow('ended', { roles: ['feed'], expires: '2025-12-31T23:59:59.5+00:00' }),
    tokenRow('never', { roles: ['feed'] }),
  ];
  await writeFile(file, JSON.stringify({ tokens: rows }));
  using tokens = new AccessTokens(file, { clock });
  const known = (): string[] =>
    ['ends', 'day', 'ended', 'never'].filter((name) => tokens.principalOf(tokenOf(name)) !== undefined);
  const ends = tokens.principalOf(tokenOf('ends'));
  assert.ok(ends !== undefined);
  assert.equal(known(), ['ends', 'day', 'never']);
  clock.jump(9_999);
  assert.ok(tokens.isValid(ends));
  clock.jump(1);
  assert.not(tokens.isValid(ends));
  assert.not(tokens.isUndecided(ends));
  assert.equal(known(), ['day', 'never']);
  clock.jump(86_400_000);
  assert.equal(known(), ['never']);
});

const ROWS_ALONE: ReadonlyArray<readonly [name: string, row: unknown]> = [
  ['a token in the clear', { name: 'bad', token: 'tickgate_secret', roles: ['feed'] }],
  ['a hash that is too short', { name: 'bad', sha256: 'abcdef', roles: ['feed'] }],
  ['an unknown role', tokenRow('bad', { roles: ['admin'] })],
  ['no role', tokenRow('bad', { roles: [] })],
  ['an unknown member', tokenRow('bad', { roles: ['feed'], symbol: ['A'] })],
  ['an expiry that is none', tokenRow('bad', { roles: ['feed'], expires: '2026-02-30' })],
  ['an expiry without a zone', tokenRow('bad', { roles: ['feed'], expires: '2026-01-01T00:00' })],
  ['a text', 'tickgate_secret'],
];
for (const [name, row] of ROWS_ALONE) {
  test(`a row with ${name} is told by its line, without the token or its hash`, () => {
    const good = tokenRow('good', { roles: ['feed'], feeds: ['"tokens":[', '}]'] });
    const text = `{\n "tokens": [\n  ${JSON.stringify(good)},\n\n  ${JSON.stringify(row)}\n ]\n}`;
    const { known, refused } = parseTokenRows(text);
    assert.equal(
      known.map(({ principal }) => principal.name),
      ['good'],
    );
    assert.equal(
      refused.map(({ line }) => line),
      [5],
    );
    assert.is(refused[0]?.name, typeof row === 'string' ? undefined : 'bad');
    const told = JSON.stringify(refused);
    const hash = new Map(Object.entries(row ?? {})).get('sha256');
    assert.not.match(told, 'tickgate_secret');
    assert.not(typeof hash === 'string' && told.includes(hash), told);
  });
}

const BAD_FILES: ReadonlyArray<readonly [name: string, content: string | undefined]> = [
  ['missing', undefined],
  ['empty', ''],
  ['no JSON', 'token'],
  ['another shape', '{"users":[]}'],
  ['a list alone', '[]'],
  ['broken beside a token', '{"tokens":[{"name":"a","sha256":"tickgate_secret""}]}'],
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
      assert.not.match(String(error), 'tickgate_secret');
    }
  });
}
