import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../../src/errors.ts';
import { projectRoot } from '../../src/stack/ensure-stack.ts';

/** The document that holds the bench's figures, and the folder of its plots: as the project names it, and as it does. */
export const BENCH_DOCUMENT: string = join(projectRoot(), 'test/bench/README.md');
export const RESULTS_FOLDER: string = join(projectRoot(), 'test/bench/results');
export const RESULTS_LINK = 'results';

const BEGIN = '<!-- bench:begin -->';
const END = '<!-- bench:end -->';

/**
 * The document with what lies between the bench's markers replaced.
 * @throws {UsageError} unless both markers are there, once each and in order
 */
export function withBenchSection(document: string, section: string): string {
  const begin = document.indexOf(BEGIN);
  const end = document.indexOf(END);
  const isSingle = begin === document.lastIndexOf(BEGIN) && end === document.lastIndexOf(END);
  if (begin < 0 || end < begin || !isSingle) {
    throw new UsageError(`there is not one place between ${BEGIN} and ${END}`, {
      remedy: 'put both markers into the document, once each, on lines of their own',
    });
  }
  return `${document.slice(0, begin + BEGIN.length)}\n${section}\n${document.slice(end)}`;
}

/** Replaces the section of a file. @throws {UsageError} as above, or when there is no such file */
export function writeBenchSection(path: string, section: string): void {
  let document: string;
  try {
    document = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new UsageError(`${path} cannot be read`, { remedy: 'write the document first', cause });
  }
  writeFileSync(path, withBenchSection(document, section));
}
