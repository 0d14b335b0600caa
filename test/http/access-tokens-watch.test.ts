import { cp, link as linkFile, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import { addTokenRow } from '../../src/commands/tokens-file.ts';
import { AccessTokens } from '../../src/http/access-tokens.ts';
import { setLogLevel } from '../../src/logger.ts';
import { tokenOf, tokenRow } from '../support/test-tokens.ts';
import { suite } from '../support/suite.ts';
import { until } from '../support/test-market.ts';

const SEEN_WITHIN_MS = 1_000;

const test = suite('access tokens: changes of the file');
let folder = '';
let file = '';
test.before(() => setLogLevel('silent'));
test.before.each(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickgate-watch-'));
  file = join(folder, 'tokens.json');
});
test.after.each(() => rm(folder, { recursive: true }));

const textOf = (...names: readonly string[]): string =>
  JSON.stringify({ tokens: names.map((name) => tokenRow(name, { roles: ['feed'] })) });

/** Ways in which a file comes to hold another text. */
const CHANGES: ReadonlyArray<readonly [name: string, change: (text: string) => Promise<void>]> = [
  ['written in place', (text) => writeFile(file, text)],
  [
    'replaced by rename',
    async (text) => {
      await writeFile(`${file}.tmp`, text);
      await rename(`${file}.tmp`, file);
    },
  ],
  [
    'deleted and made again',
    async (text) => {
      await rm(file);
      await writeFile(file, text);
    },
  ],
  [
    'a link, whose folder is turned to another one as in Kubernetes',
    async (text) => {
      const next = join(folder, 'next');
      await mkdir(next);
      await writeFile(join(next, 'tokens.json'), text);
      await symlink('next', join(folder, 'data.tmp'));
      await rename(join(folder, 'data.tmp'), join(folder, 'data'));
    },
  ],
];
for (const [name, change] of CHANGES) {
  test(`${name}: seen within a second, again and again`, async () => {
    if (name.startsWith('a link')) {
      await mkdir(join(folder, 'first'));
      await writeFile(join(folder, 'first', 'tokens.json'), textOf('a'));
      await symlink('first', join(folder, 'data'));
      await symlink('data/tokens.json', file);
    } else await writeFile(file, textOf('a'));
    using tokens = new AccessTokens(file);
    const startMs = performance.now();
    await change(textOf('b'));
    await until('the change is seen', () => tokens.principalOf(tokenOf('b')) !== undefined);
    assert.ok(performance.now() - startMs < SEEN_WITHIN_MS, `${performance.now() - startMs} ms`);
    assert.is(tokens.principalOf(tokenOf('a')), undefined);
  });
}

test('a token that `tickgate token --file` adds works within a second, through a name that is mounted', async () => {
  await addTokenRow(file, { name: 'first', sha256: 'a'.repeat(64), roles: ['feed'] });
  const mounted = join(folder, 'mounted', 'tokens.json');
  await mkdir(join(folder, 'mounted'));
  // A hard link in another directory is the file as a container sees it: renames beside it do not reach it.
  await linkFile(file, mounted);
  using tokens = new AccessTokens(mounted);
  const startMs = performance.now();
  const row = z.object({ name: z.string(), sha256: z.string() }).parse(tokenRow('new', {}));
  await addTokenRow(file, { ...row, roles: ['feed'] });
  await until('the new token works', () => tokens.principalOf(tokenOf('new')) !== undefined);
  assert.ok(performance.now() - startMs < SEEN_WITHIN_MS);
});

test('a file that cannot be read for a while: its rows end with the grace time, and come back with it', async () => {
  await writeFile(file, textOf('a'));
  using tokens = new AccessTokens(file, { graceMs: 600 });
  await cp(file, join(folder, 'kept.json'));
  await rm(file);
  await until('nobody gets in', () => tokens.authenticate(tokenOf('a')) === 'not-now');
  assert.not(tokens.health['tokens']?.ok);
  await rename(join(folder, 'kept.json'), file);
  await until('it works again', () => tokens.principalOf(tokenOf('a')) !== undefined);
  assert.ok(tokens.health['tokens']?.ok);
});
