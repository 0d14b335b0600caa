import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const PROJECT: string = fileURLToPath(new URL('../..', import.meta.url));

/** Text of a file of the project. */
export function projectFile(path: string): string {
  return readFileSync(new URL(path, `file://${PROJECT}`), 'utf8');
}
