import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as assert from 'uvu/assert';
import { LAYERS, MUTATIONS } from '../model/mutations.ts';
import { suite } from '../support/suite.ts';
import { inlineCode, links, section, tableRows } from './markdown.ts';
import { PROJECT, projectFile, projectFiles } from './project-files.ts';

const test = suite('src/README.md');
const text = projectFile('src/README.md');
const INVARIANTS = tableRows(section(text, 'Invariants'));

/** A proof is a link to a test file, and the name of a test in it: `[file](path) "name"`. */
interface Proof {
  readonly file: string;
  readonly name: string;
}

function proofsOf(cell: string): Proof[] {
  return [...cell.matchAll(/\]\(([^)]+)\) "([^"]+)"/g)].map(([, link = '', name = '']) => ({
    file: join('src', link),
    name,
  }));
}

/** The text of a test file, and of the tables beside it that it imports. */
function testText(file: string): string {
  const own = projectFile(file);
  const imported = [...own.matchAll(/from '(\.[^']+\.ts)'/g)]
    .map(([, path = '']) => join(dirname(file), path))
    .filter((path) => dirname(path) === dirname(file) && existsSync(join(PROJECT, path)));
  return [own, ...imported.map(projectFile)].join('\n');
}

test('the invariants are numbered from 1', () => {
  assert.ok(INVARIANTS.length > 10);
  assert.equal(
    INVARIANTS.map(([number]) => number),
    INVARIANTS.map((_, at) => String(at + 1)),
  );
});

test('each invariant names tests that are there', () => {
  const missing: string[] = [];
  for (const [number, invariant, cell = ''] of INVARIANTS) {
    const proofs = proofsOf(cell);
    assert.ok(proofs.length > 0, `${number}: ${invariant}`);
    assert.is(proofs.length, links(cell).length, `${number}: a link without the name of a test`);
    for (const { file, name } of proofs) {
      assert.match(file, /^test\/.+\.test\.ts$/);
      if (!testText(file).includes(name)) missing.push(`${number}: "${name}" is no test of ${file}`);
    }
  }
  assert.equal(missing, []);
});

test('each fault by which the model shows that an invariant is needed is one of its mutations', () => {
  const known = new Set([...MUTATIONS, ...LAYERS].map(({ name }) => name));
  const named = INVARIANTS.flatMap(([, , , cell = '']) =>
    [...cell.matchAll(/"([^"]+)"/g)].map(([, name = '']) => name),
  );
  for (const name of named) assert.ok(known.has(name), name);
  assert.equal(new Set(named), known, 'a mutation of the model belongs to an invariant');
});

test('the way of a tick is told file by file', () => {
  const files = tableRows(section(text, 'The way of a tick')).map(([, file = '']) => links(file));
  assert.ok(files.length > 15);
  for (const [link = ''] of files) assert.match(join('src', link), /^(?:src|clients)\/.+\.(?:ts|lua)$/);
});

const BELOW = ['base', 'market', 'protocol', 'stream', 'config', 'errors', 'logger'];
const STAGES = ['ingest', 'buffer', 'flush', 'store', 'fanout', 'http', 'stack'];

/** The folders that a cell of the table of layers names, and the files of the sources beside them. */
function importsNamed(cell: string): Set<string> {
  const names = cell.split(', ').flatMap((name) => {
    if (name === 'below') return BELOW;
    return name === 'the stages' ? STAGES : [name];
  });
  return new Set(names);
}

/** What a folder's files import of ours, outside of it: `base` for `src/base/…`, `clients` for `clients/…`. */
function importsOf(folder: string): Set<string> {
  const found = new Set<string>();
  for (const file of projectFiles(folder).filter((path) => path.endsWith('.ts'))) {
    for (const [, path = ''] of projectFile(file).matchAll(/(?:from|import) ?\(?'(\.[^']+\.ts)'/g)) {
      const [top = '', next = ''] = join(dirname(file), path).split('/');
      const isOwn = `${top}/${next}` === folder || (top === 'clients' && folder.startsWith('clients/'));
      if (!isOwn) found.add(top === 'clients' ? top : next.replace(/\.ts$/, ''));
    }
  }
  return found;
}

test('each folder imports what the table of layers says, and nothing else', () => {
  let seen = 0;
  for (const [folders = '', , cell = ''] of tableRows(section(text, 'Layers'))) {
    for (const folder of inlineCode(folders).filter((path) => !path.endsWith('.ts'))) {
      const named = importsNamed(cell);
      const extra = [...importsOf(folder)].filter((name) => !named.has(name));
      assert.equal(extra, [], `${folder} imports more than "${cell}"`);
      seen += 1;
    }
  }
  assert.ok(seen > 15);
});
