import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';
import { codeBlocks, inlineCode, links, section, tableRows } from './markdown.ts';
import { documents, PROJECT, projectFile } from './project-files.ts';

const test = suite('README.md');
const text = projectFile('README.md');
const MAX_BYTES = 12 * 1024;

function foldersOf(folder: string): string[] {
  return readdirSync(join(PROJECT, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== '__pycache__')
    .map((entry) => `${folder}/${entry.name}`)
    .sort();
}

test('is at most 12 KB', () => {
  const bytes = Buffer.byteLength(text);
  assert.ok(bytes <= MAX_BYTES, `${bytes} bytes: move what is more beside what it describes`);
});

test('begins with what it is, a picture, and the two commands', () => {
  const [before = '', commands = ''] = text.split('```sh\n');
  assert.match(before, /^# Tickgate\n/);
  assert.ok(links(before).some((link) => link.endsWith('.svg')));
  assert.ok(commands.startsWith('npm run demo') && commands.includes('\nnpm test'));
});

test('shows how to publish in two languages, and how to subscribe', () => {
  const languages = (heading: string): string[] => codeBlocks(section(text, heading)).map(({ language }) => language);
  assert.equal(languages('Publish'), ['ts', 'python']);
  assert.equal(languages('Subscribe'), ['js']);
});

test('its contents name every document beside what it describes', () => {
  const listed = new Set(tableRows(section(text, 'Documents')).flatMap(([document = '']) => links(document)));
  // Folders within test/ have their contents in test/README.md.
  const own = documents().filter((path) => path !== 'README.md' && dirname(path) !== 'test/faults');
  for (const document of own) {
    const isOfTests = document.startsWith('test/') && links(projectFile('test/README.md')).includes(document.slice(5));
    assert.ok(listed.has(document) || isOfTests, document);
  }
});

test('the promise links to its proofs', () => {
  const proofs = links(section(text, 'The promise'));
  assert.ok(proofs.includes('test/README.md#what-is-promised'));
  assert.ok(proofs.includes('test/README.md#what-is-not-promised'));
});

test('every promise of test/README.md is linked to a test file', () => {
  const promises = tableRows(section(projectFile('test/README.md'), 'What is promised'));
  assert.ok(promises.length > 10);
  for (const [promise, proof = ''] of promises) {
    const files = links(proof);
    assert.ok(files.length > 0, promise);
    for (const file of files) assert.match(join('test', file), /^test\/.+\.test\.ts$/);
  }
});

test('every folder of the tests is described in test/README.md', () => {
  const described = tableRows(section(projectFile('test/README.md'), 'Folders')).flatMap(([folder = '']) =>
    inlineCode(folder),
  );
  assert.equal(described.sort(), foldersOf('test'));
});

test('every folder of the sources and of the clients is described in src/README.md', () => {
  const described = tableRows(section(projectFile('src/README.md'), 'Layers')).flatMap(([folder = '']) =>
    inlineCode(folder),
  );
  const folders = [...foldersOf('src'), ...foldersOf('clients')];
  assert.equal(
    folders.filter((folder) => !described.includes(folder)),
    [],
  );
  assert.ok(folders.length > 15);
});
