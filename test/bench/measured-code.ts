import { join } from 'node:path';
import { projectRoot } from '../../src/stack/ensure-stack.ts';

/** Which code is measured: compiled, as users run it, or the sources. */
export interface MeasuredCode {
  /** Holds `src` and `clients`. */
  readonly folder: string;
  readonly isCompiled: boolean;
}

export function sourceCode(): MeasuredCode {
  return { folder: projectRoot(), isCompiled: false };
}

/** A module of the project, such as `src/gateway/flusher`. */
export function moduleOf({ folder, isCompiled }: MeasuredCode, name: string): string {
  return join(folder, `${name}.${isCompiled ? 'js' : 'ts'}`);
}

/** Arguments of Node that run the command line. */
export function cliArguments(code: MeasuredCode): string[] {
  const path = moduleOf(code, 'src/cli');
  return code.isCompiled ? [path] : ['--import', 'tsx', path];
}
