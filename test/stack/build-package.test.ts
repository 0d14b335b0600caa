import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as assert from 'uvu/assert';
import { buildPackage, findMissing } from '../../src/stack/build-package.ts';
import { projectRoot } from '../../src/stack/ensure-stack.ts';
import { suite } from '../support/suite.ts';

const test = suite('build', { timeoutMs: 60_000 });
let root = '';

const put = async (file: string, text: string): Promise<void> => {
  await mkdir(dirname(join(root, file)), { recursive: true });
  await writeFile(join(root, file), text);
};

/** A small package with the compiler settings of ours. */
test.before.each(async () => {
  root = await mkdtemp(join(tmpdir(), 'tickgate-build-'));
  await symlink(join(projectRoot(), 'node_modules'), join(root, 'node_modules'));
  await put('tsconfig.json', await readFile(join(projectRoot(), 'tsconfig.json'), 'utf8'));
  const entry = { types: './dist/clients/index.d.ts', default: './dist/clients/index.js' };
  const exported = { '.': entry, './package.json': './package.json' };
  await put('package.json', JSON.stringify({ type: 'module', bin: { it: './dist/src/cli.js' }, exports: exported }));
  await put('src/cli.ts', `import { one } from './deep/one.ts';\nprocess.stdout.write(String(one));\n`);
  await put('src/deep/one.ts', 'export const one: number = 1;\n');
  await put('src/deep/lua/append.lua', 'return 1\n');
  await put('src/deep/run.sh', '#!/bin/sh\n');
  await chmod(join(root, 'src/deep/run.sh'), 0o755);
  await put('clients/index.ts', 'export const two: number = 2;\n');
  await put('clients/python/README.md', 'x\n');
  await put('test/one.test.ts', `import { one } from '../src/deep/one.ts';\nif (one > 1) throw new Error('no');\n`);
});
test.after.each(() => rm(root, { recursive: true }));

test('compiles, copies what lies beside the sources, leaves tests out and old files behind', async () => {
  await put('dist/src/old.js', '');
  await buildPackage(root);
  assert.is(await readFile(join(root, 'dist/src/deep/lua/append.lua'), 'utf8'), 'return 1\n');
  assert.is((await stat(join(root, 'dist/src/deep/run.sh'))).mode & 0o111, 0o111);
  assert.is((await stat(join(root, 'dist/src/cli.js'))).mode & 0o111, 0o111);
  assert.match(await readFile(join(root, 'dist/src/cli.js'), 'utf8'), /'\.\/deep\/one\.js'/);
  for (const gone of ['dist/src/old.js', 'dist/test']) {
    assert.is(await stat(join(root, gone)).catch(() => 'gone'), 'gone');
  }
});

test('names what is missing', async () => {
  await buildPackage(root);
  assert.equal(findMissing(root), []);
  await rm(join(root, 'dist/clients/index.d.ts'));
  await rm(join(root, 'dist/src/deep/lua/append.lua'));
  assert.equal(findMissing(root), ['./dist/clients/index.d.ts', 'dist/src/deep/lua/append.lua']);
});

test('the page’s program becomes one file for browsers', async () => {
  await put('clients/dashboard/index.html', '<!doctype html>');
  await put(
    'clients/dashboard/dashboard.ts',
    `import { two } from '../index.ts';\ndocument.title = String(two + 40);\n`,
  );
  await buildPackage(root);
  const bundle = await readFile(join(root, 'dist/clients/dashboard/dashboard.bundle.js'), 'utf8');
  assert.match(bundle, 'document.title');
  assert.not.match(bundle, /import|: number/);
  assert.is(await readFile(join(root, 'dist/clients/dashboard/index.html'), 'utf8'), '<!doctype html>');
  await rm(join(root, 'dist/clients/dashboard/dashboard.bundle.js'));
  assert.equal(findMissing(root), ['dist/clients/dashboard/dashboard.bundle.js']);
});

test('an error of the compiler fails the build, with its line', async () => {
  await put('src/deep/one.ts', `export const one: number = 'one';\n`);
  try {
    await buildPackage(root);
    assert.unreachable('it built');
  } catch (error) {
    assert.match(String(error), /src\/deep\/one\.ts.*not assignable/);
  }
});
