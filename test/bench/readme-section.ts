import { readFileSync, writeFileSync } from 'node:fs';
import { UsageError } from '../../src/errors.ts';

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
      remedy: 'put both markers into the README, once each, on lines of their own',
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
    throw new UsageError(`${path} cannot be read`, { remedy: 'write the README first', cause });
  }
  writeFileSync(path, withBenchSection(document, section));
}
