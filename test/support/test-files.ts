import { existsSync, readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

/** Whole-system files come last: what they rest on has been tested by then. */
const LAST = ['test/e2e/', 'test/faults/'];

/**
 * The test files under `root`/test, sorted; with patterns only those that are named, lie in a named folder, or hold a
 * pattern in their path.
 * @throws {Error} for a pattern that fits no file: a typing error must not look like a success.
 */
export function findTestFiles(root: string, patterns: readonly string[]): string[] {
  const rank = (file: string): number => LAST.findIndex((folder) => file.startsWith(folder));
  const all = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .map((file) => join('test', file))
    .filter((file) => file.endsWith('.test.ts'))
    .sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  if (patterns.length === 0) return all;
  const chosen = new Set<string>();
  for (const pattern of patterns) {
    const path = relative(root, resolve(root, pattern));
    const fits = existsSync(resolve(root, pattern))
      ? all.filter((file) => file === path || file.startsWith(`${path}/`))
      : all.filter((file) => file.includes(pattern));
    if (fits.length === 0) throw new Error(`no test file fits "${pattern}"`);
    for (const file of fits) chosen.add(file);
  }
  return all.filter((file) => chosen.has(file));
}
