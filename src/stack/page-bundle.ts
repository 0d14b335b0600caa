import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** The page's program as the browser gets it; `npm run build` leaves it beside the page. */
export const PAGE_BUNDLE = 'dashboard.bundle.js';

/**
 * The page's program with everything it imports, as one module for browsers. Needs the package `esbuild`, which is
 * there wherever the sources are run or built.
 * @param entry its first file, a path or `file:` address
 */
export async function bundlePage(entry: string | URL): Promise<string> {
  const { build, stop } = await import('esbuild');
  const { outputFiles } = await build({
    entryPoints: [typeof entry === 'string' ? entry : fileURLToPath(entry)],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    minify: true,
    legalComments: 'none',
    logLevel: 'silent',
  });
  // The compiler is a process of its own, and is not needed again.
  await stop();
  return outputFiles[0]?.text ?? '';
}

/** The built program in the page's folder; where the sources are run there is none, and it is bundled now. */
export async function readPageProgram(folder: URL): Promise<string> {
  const built = new URL(PAGE_BUNDLE, folder);
  return existsSync(built) ? readFile(built, 'utf8') : bundlePage(new URL('dashboard.ts', folder));
}
