import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { debianMirrors, parseDebianMirrors } from '../../src/stack/apt-mirrors.ts';
import { suite } from '../support/suite.ts';

const test = suite('apt mirrors');

const cases: ReadonlyArray<readonly [what: string, text: string, mirrors: readonly string[]]> = [
  ['a one-line source', 'deb http://mirror.example/debian bookworm main\n', ['http://mirror.example/debian']],
  ['its options', 'deb [arch=amd64 signed-by=/x] https://m.example/debian/ sid main', ['https://m.example/debian']],
  [
    'a deb822 stanza',
    'Types: deb\nURIs: http://a.example/debian http://b.example/debian/\nSuites: sid\n',
    ['http://a.example/debian', 'http://b.example/debian'],
  ],
  ['comments', '# deb http://old.example/debian sid main\n  # URIs: http://x.example/debian', []],
  [
    'security and vendors',
    'deb http://m.example/debian-security sid main\ndeb https://deb.vendor.example/node nodistro main',
    [],
  ],
  ['sources of source packages', 'deb-src http://m.example/debian sid main', []],
  ['other transports', 'deb cdrom:[Debian]/ sid main\nURIs: mirror+file:///etc/apt/mirrors/debian', []],
  ['Ubuntu', 'deb http://archive.ubuntu.com/ubuntu noble main', []],
  [
    'the same twice',
    'deb http://m.example/debian sid main\ndeb http://m.example/debian sid-updates main',
    ['http://m.example/debian'],
  ],
];
for (const [what, text, mirrors] of cases) {
  test(`reads ${what}`, () => assert.equal(parseDebianMirrors([text]), mirrors));
}

test('takes the machine’s own mirrors first, Debian’s last', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tickgate-apt-'));
  await mkdir(join(folder, 'sources.list.d'));
  await writeFile(join(folder, 'sources.list.d/debian.sources'), 'URIs: http://near.example/debian\n');
  await writeFile(join(folder, 'sources.list.d/notes.txt'), 'deb http://wrong.example/debian sid main\n');
  assert.equal(debianMirrors(folder), ['http://near.example/debian', 'http://deb.debian.org/debian']);
  await rm(folder, { recursive: true });
  assert.equal(debianMirrors(folder), ['http://deb.debian.org/debian']);
});
