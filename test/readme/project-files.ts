import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const PROJECT: string = fileURLToPath(new URL('../..', import.meta.url));

/** Folders that hold nothing of ours, as .gitignore has them. */
const FOREIGN = new Set(['.git', 'node_modules', 'dist', '.stack', '__pycache__']);

/** Text of a file of the project. */
export function projectFile(path: string): string {
  return readFileSync(join(PROJECT, path), 'utf8');
}

/** Every file of the project, as a path in it. */
export function projectFiles(folder = ''): string[] {
  return readdirSync(join(PROJECT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (FOREIGN.has(entry.name)) return [];
    return entry.isDirectory() ? projectFiles(path) : [path];
  });
}

/** Every document of the project: found by listing, so that a new one is tested too. */
export function documents(): string[] {
  return projectFiles()
    .filter((path) => path.endsWith('.md'))
    .sort();
}
