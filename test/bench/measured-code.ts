import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../../src/errors.ts';
import { projectRoot } from '../../src/stack/ensure-stack.ts';

/** Which code is measured: the compiled package, as users run it, or the sources. */
export type MeasuredCode = 'dist' | 'sources';

/**
 * A module of the project, such as `src/flusher`.
 * @throws {UsageError} when it has not been compiled
 */
export function moduleOf(code: MeasuredCode, name: string): string {
  const path = join(projectRoot(), code === 'dist' ? `dist/${name}.js` : `${name}.ts`);
  if (existsSync(path)) return path;
  throw new UsageError(`${path} is not there`, { remedy: 'npm run build' });
}

/** Arguments of Node that run the command line. */
export function cliArguments(code: MeasuredCode): string[] {
  const path = moduleOf(code, 'src/cli');
  return code === 'dist' ? [path] : ['--import', 'tsx', path];
}
