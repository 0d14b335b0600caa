import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { describeError } from '../errors.ts';
import { bundlePage, PAGE_BUNDLE } from './page-bundle.ts';
import { lastLines, runCommand } from './run-command.ts';

/** Assets: files that the compiler does not copy and the JavaScript reads beside it. */
const ASSETS = ['.lua', '.sql', '.html', '.css', '.md', '.csv', '.sh', '.svg'];
const SOURCE_FOLDERS = ['src', 'clients'];
const PAGE = 'clients/dashboard';

const packageSchema = z.object({
  bin: z.record(z.string(), z.string()),
  exports: z.record(z.string(), z.union([z.string(), z.object({ types: z.string(), default: z.string() })])),
});

/** The files beside the sources that must be in dist too, as paths in the project. */
export function findAssets(root: string): string[] {
  return SOURCE_FOLDERS.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
  )
    .filter((file) => ASSETS.includes(extname(file)) && !/(?:^|\/)(?:node_modules|__pycache__)\//.test(file))
    .sort();
}

/** The files that package.json promises, and each compiled source and asset, that are not there. */
export function findMissing(root: string): string[] {
  const promised = packageSchema.parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));
  const exported = Object.values(promised.exports).flatMap((entry) =>
    typeof entry === 'string' ? [entry] : [entry.types, entry.default],
  );
  const compiled = SOURCE_FOLDERS.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
      .map((file) => join('dist', folder, file.replace(/\.ts$/, '.js'))),
  );
  const assets = findAssets(root).map((file) => join('dist', file));
  const bundles = hasPage(root) ? [join('dist', PAGE, PAGE_BUNDLE)] : [];
  return [...Object.values(promised.bin), ...exported, ...compiled, ...assets, ...bundles].filter(
    (file) => !existsSync(join(root, file)),
  );
}

function hasPage(root: string): boolean {
  return existsSync(join(root, PAGE, 'dashboard.ts'));
}

/**
 * Makes dist anew: compiles, copies the assets beside the JavaScript, bundles the page's program for browsers, makes
 * the command executable, and checks that every file is there.
 * @throws {Error} with the compiler's lines, or the names of the files that are missing.
 */
export async function buildPackage(root: string): Promise<number> {
  await rm(join(root, 'dist'), { recursive: true, force: true });
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const compiled = await runCommand(process.execPath, [compiler, '--project', root], { cwd: root });
  if (compiled.code !== 0) throw new Error(`the compiler failed:\n${lastLines(compiled.output, 40)}`);
  await rm(join(root, 'dist/test'), { recursive: true, force: true });
  for (const file of findAssets(root)) {
    const target = join(root, 'dist', file);
    await mkdir(dirname(target), { recursive: true });
    await copyFile(join(root, file), target);
  }
  if (hasPage(root)) {
    await writeFile(join(root, 'dist', PAGE, PAGE_BUNDLE), await bundlePage(join(root, PAGE, 'dashboard.ts')));
  }
  const missing = findMissing(root);
  if (missing.length > 0) throw new Error(`not in dist after the build: ${missing.join(', ')}`);
  await chmod(join(root, 'dist/src/cli.js'), 0o755);
  return readdirSync(join(root, 'dist'), { recursive: true }).length;
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
  try {
    process.stdout.write(`dist: ${await buildPackage(root)} files and folders\n`);
  } catch (error) {
    process.stderr.write(`${describeError(error)}\n`);
    process.exitCode = 1;
  }
}
