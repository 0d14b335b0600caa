import {
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import { registerToken } from '../../src/commands/token.ts';
import { addTokenRow } from '../../src/commands/tokens-file.ts';
import { UsageError } from '../../src/errors.ts';
import { AccessTokens } from '../../src/http/access-tokens.ts';
import { suite } from '../support/suite.ts';
import { type CommandResult, runCommand } from './run-command.ts';

const test = suite('token');
let folder = '';
let file = '';

test.before.each(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickgate-token-'));
  file = join(folder, 'tokens.json');
});
test.after.each(() => rm(folder, { recursive: true }));

const run = (...args: readonly string[]): Promise<CommandResult> => runCommand(registerToken, ['token', ...args]);

async function names(): Promise<string[]> {
  const { tokens } = z.object({ tokens: z.array(z.object({ name: z.string() })) }).parse(await json());
  return tokens.map(({ name }) => name);
}

async function json(): Promise<unknown> {
  return JSON.parse(await readFile(file, 'utf8'));
}

test('prints a token and its row, which a tokens file takes', async () => {
  const { code, stdout } = await run('--name', 'egx', '--role', 'feed', '--feed', 'egx-*', '--feed', 'x');
  assert.is(code, 0);
  const [token = '', row = '', ...rest] = stdout.split('\n');
  assert.match(token, /^tickgate_[\w-]{43}$/);
  assert.equal(rest, ['']);
  assert.not.match(row, token);
  await writeFile(file, `{"tokens":[${row}]}`);
  using tokens = new AccessTokens(file);
  const principal = tokens.principalOf(token);
  assert.is(principal?.name, 'egx');
  assert.equal(
    ['egx-main', 'x', 'y'].map((feed) => principal?.mayPublish(feed)),
    [true, true, false],
  );
  assert.is(principal?.mayWatch(), false);
});

test('two runs give two tokens; both roles; no bound means every feed and symbol', async () => {
  const first = await run('--name', 'a', '--role', 'feed', '--role', 'live', '--file', file, '--json');
  const second = await run('--name', 'b', '--role', 'live', '--symbol', 'COMI', '--file', file, '--json');
  const shape = z.object({ token: z.string(), file: z.literal(file) });
  const tokens = [first, second].map(({ stdout }) => shape.parse(JSON.parse(stdout)).token);
  assert.is(new Set(tokens).size, 2);
  using access = new AccessTokens(file);
  const [a, b] = tokens.map((token) => access.principalOf(token));
  assert.ok(a?.mayPublish('any') === true && a.maySubscribe('ANY'));
  assert.ok(b?.mayPublish('any') === false && b.maySubscribe('COMI') && !b.maySubscribe('ETEL'));
  assert.not.match(await readFile(file, 'utf8'), tokens[0] ?? '?');
});

test('a new file is for its owner only; an existing one keeps its mode, its rows and what else is in them', async () => {
  await run('--name', 'first', '--role', 'feed', '--file', file);
  assert.is((await stat(file)).mode & 0o777, 0o600);
  await chmod(file, 0o640);
  const before = await json();
  await run('--name', 'second', '--role', 'live', '--file', file);
  assert.is((await stat(file)).mode & 0o777, 0o640);
  const after = z.object({ tokens: z.array(z.unknown()) }).parse(await json());
  assert.equal({ tokens: after.tokens.slice(0, 1) }, before);
  assert.equal(await names(), ['first', 'second']);
  assert.equal(await readdir(folder), ['tokens.json']);
});

test('a link stays a link', async () => {
  await run('--name', 'first', '--role', 'feed', '--file', file);
  const alias = join(folder, 'link.json');
  await symlink(file, alias);
  await run('--name', 'second', '--role', 'feed', '--file', alias);
  assert.ok((await lstat(alias)).isSymbolicLink());
  assert.equal(await names(), ['first', 'second']);
});

test('an existing file is written in place: a bind mount shows the new row, and the owner stays', async () => {
  await run('--name', 'first', '--role', 'feed', '--file', file);
  const mounted = join(folder, 'mounted.json');
  // Like a bind mount, a hard link stands for the file itself and not for its name.
  await link(file, mounted);
  if (process.getuid?.() === 0) await chown(file, 1_234, 1_235);
  await writeFile(file, `${await readFile(file, 'utf8')}${' '.repeat(5_000)}`);
  const before = await stat(file);
  await run('--name', 'second', '--role', 'live', '--file', file);
  const after = await stat(file);
  assert.equal([after.ino, after.uid, after.gid, after.mode], [before.ino, before.uid, before.gid, before.mode]);
  assert.is(await readFile(mounted, 'utf8'), await readFile(file, 'utf8'));
  assert.equal(await names(), ['first', 'second']);
  assert.ok(after.size < 5_000, 'nothing of the old text is left behind the new one');
});

test('a file that cannot be written keeps its text', async () => {
  await run('--name', 'first', '--role', 'feed', '--file', file);
  const before = await readFile(file, 'utf8');
  await mkdir(`${file}.new`);
  assert.is((await run(...GOOD, '--file', file)).code, 2);
  assert.is(await readFile(file, 'utf8'), before);
});

const shape = z.object({ row: z.object({ expires: z.string() }) });
for (const [given, fromNowMs] of [
  ['90d', 90 * 86_400_000],
  ['12h', 12 * 3_600_000],
  ['2w', 14 * 86_400_000],
] as const) {
  test(`--expires ${given} counts from now`, async () => {
    const { stdout } = await run(...GOOD, '--expires', given, '--json');
    const { expires } = shape.parse(JSON.parse(stdout)).row;
    assert.match(expires, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.ok(Math.abs(Date.parse(expires) - Date.now() - fromNowMs) < 10_000, expires);
  });
}

test('--expires takes a date, or a time with a zone; the gateway takes the row', async () => {
  const { stdout } = await run(...GOOD, '--expires', '2999-12-31', '--json', '--file', file);
  assert.is(shape.parse(JSON.parse(stdout)).row.expires, '2999-12-31T00:00:00Z');
  const other = await run(
    '--name',
    'b',
    '--role',
    'live',
    '--expires',
    '2999-06-01T12:00+02:00',
    '--json',
    '--file',
    file,
  );
  assert.is(shape.parse(JSON.parse(other.stdout)).row.expires, '2999-06-01T10:00:00Z');
  using tokens = new AccessTokens(file);
  assert.is(tokens.refused.length, 0);
});

test('many at once: each is in the file or was refused', async () => {
  const sha256 = 'a'.repeat(64);
  const added = await Promise.allSettled(
    Array.from({ length: 20 }, (_, n) => addTokenRow(file, { name: `n${n}`, sha256, roles: ['feed'] })),
  );
  const done = added.flatMap((each, n) => (each.status === 'fulfilled' ? [`n${n}`] : []));
  assert.ok(done.length > 0);
  assert.ok(added.every((each) => each.status === 'fulfilled' || each.reason instanceof UsageError));
  assert.equal((await names()).sort(), done.sort());
});

const GOOD = ['--name', 'new', '--role', 'feed'];
const BAD_FILES: ReadonlyArray<readonly [what: string, content: string, said: RegExp]> = [
  ['no JSON', 'tokens:', /cannot be read as JSON/],
  ['another shape', '{"users":[]}', /tokens/],
  ['a row that is none', '{"tokens":[{"name":"x"}]}', /sha256/],
  [
    'the name already',
    `{"tokens":[{"name":"new","sha256":"${'0'.repeat(64)}","roles":["feed"]}]}`,
    /named "new" already/,
  ],
];
for (const [what, content, said] of BAD_FILES) {
  test(`a file with ${what} stays as it is`, async () => {
    await writeFile(file, content);
    const { code, stdout, stderr } = await run(...GOOD, '--file', file);
    assert.is(code, 2);
    assert.is(stdout, '', 'a token that is nowhere would be of no use');
    assert.match(stderr, said);
    assert.is(await readFile(file, 'utf8'), content);
    assert.equal(await readdir(folder), ['tokens.json']);
  });
}

test('a change that is under way, and a folder that is not there, are named', async () => {
  await writeFile(`${file}.new`, '');
  assert.match((await run(...GOOD, '--file', file)).stderr, /another change .*delete .*tokens\.json\.new/);
  assert.equal(await readdir(folder), ['tokens.json.new']);
  const nowhere = await run(...GOOD, '--file', join(folder, 'no', 'tokens.json'));
  assert.is(nowhere.code, 2);
  assert.match(nowhere.stderr, /cannot be written: ENOENT/);
});

const BAD_OPTIONS: ReadonlyArray<readonly [args: readonly string[], said: RegExp]> = [
  [['--role', 'feed'], /--name/],
  [['--name', 'x'], /--role/],
  [['--name', 'x', '--role', 'admin'], /feed or live/],
  [['--name', '', '--role', 'feed'], /--name/],
  [['--name', 'x'.repeat(65), '--role', 'feed'], /--name/],
  [['--name', 'x', '--role', 'live', '--feed', 'egx'], /--feed is for tokens that publish/],
  [['--name', 'x', '--role', 'feed', '--symbol', 'COMI'], /--symbol is for tokens that watch/],
  [['--name', 'x', '--role', 'feed', '--feed', 'e gx'], /not a feed name/],
  [['--name', 'x', '--role', 'feed', '--feed', '~gw'], /not a feed name/],
  [['--name', 'x', '--role', 'live', '--symbol', 'CO MI'], /not a symbol/],
  [['--name', 'x', '--role', 'live', '--expires', '2020-01-01'], /in the future/],
  [['--name', 'x', '--role', 'live', '--expires', '0d'], /in the future/],
  [['--name', 'x', '--role', 'live', '--expires', '2027-02-30'], /in the future/],
  [['--name', 'x', '--role', 'live', '--expires', '2999-01-01T12:00'], /with a zone/],
  [['--name', 'x', '--role', 'live', '--expires', 'soon'], /such as 90d/],
];
for (const [args, said] of BAD_OPTIONS) {
  test(`refused: token ${args.join(' ')}`, async () => {
    const { code, stdout, stderr } = await run(...args);
    assert.is(code, 2);
    assert.is(stdout, '');
    assert.match(stderr, said);
  });
}
