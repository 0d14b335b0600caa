import { existsSync, readdirSync, statSync } from 'node:fs';
import { copyFile, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { hashText } from '../../clients/simulator/random.ts';
import { bundlePage, PAGE_BUNDLE } from '../../src/stack/page-bundle.ts';
import { findAssets } from '../../src/stack/build-package.ts';
import { lastLines, runCommand } from '../../src/stack/run-command.ts';

export const PROJECT_ROOT: string = resolve(import.meta.dirname, '../..');
/** Inside node_modules, so that the packages are found from there; nothing of it is ever published. */
const CACHE = join(PROJECT_ROOT, 'node_modules/.cache');
const NAME = 'tickgate-faults-';
const PAGE = 'clients/dashboard';
const KEEP_MS = 2 * 3_600_000;

/** Where a whole test run has told its files to find the compiled programs. */
export const PROGRAMS_VARIABLE = 'TICKGATE_TEST_PROGRAMS';

/**
 * Compiles the programs, unless that has been done for these very sources: fault tests start processes a hundred
 * times, and started from JavaScript each takes half as long.
 * @returns the folder with `src/cli.js` and `test/faults/*.js`
 */
export async function compilePrograms(): Promise<string> {
  const folder = join(CACHE, `${NAME}${fingerprint().toString(36)}`);
  if (existsSync(folder)) return folder;
  await dropOld();
  const fresh = `${folder}.${process.pid}`;
  const compiler = join(PROJECT_ROOT, 'node_modules/typescript/bin/tsc');
  const args = ['--project', PROJECT_ROOT, '--outDir', fresh, '--sourceMap', 'false'];
  const compiled = await runCommand(process.execPath, [compiler, ...args], { cwd: PROJECT_ROOT });
  if (!existsSync(join(fresh, 'src/cli.js')))
    throw new Error(`the compiler failed:\n${lastLines(compiled.output, 20)}`);
  for (const file of findAssets(PROJECT_ROOT)) {
    const target = join(fresh, file);
    await mkdir(dirname(target), { recursive: true });
    await copyFile(join(PROJECT_ROOT, file), target);
  }
  await writeFile(join(fresh, PAGE, PAGE_BUNDLE), await bundlePage(join(PROJECT_ROOT, PAGE, 'dashboard.ts')));
  await writeFile(join(fresh, 'package.json'), '{"type":"module"}');
  // Another test file may have been faster.
  await rename(fresh, folder).catch(() => rm(fresh, { recursive: true, force: true }));
  return folder;
}

/** Changes with every source file. */
function fingerprint(): number {
  let text = '';
  for (const part of ['src', 'clients', 'test/faults']) {
    for (const file of readdirSync(join(PROJECT_ROOT, part), { recursive: true, encoding: 'utf8' })) {
      if (!/\.(?:ts|lua|sql)$/.test(file)) continue;
      const { mtimeMs, size } = statSync(join(PROJECT_ROOT, part, file));
      text += `${part}/${file} ${mtimeMs} ${size}\n`;
    }
  }
  return hashText(text) >>> 0;
}

async function dropOld(): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  for (const name of readdirSync(CACHE).filter((each) => each.startsWith(NAME))) {
    const path = join(CACHE, name);
    if (Date.now() - statSync(path).mtimeMs > KEEP_MS) await rm(path, { recursive: true, force: true });
  }
}
