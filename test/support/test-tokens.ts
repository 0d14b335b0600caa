import { createHash } from 'node:crypto';

/** The tokens themselves are made of their names. */
export function tokenOf(name: string): string {
  return `${name}-0123456789abcdef`;
}

/** One row of a tokens file. */
export function tokenRow(name: string, rights: object): object {
  return { name, sha256: createHash('sha256').update(tokenOf(name)).digest('hex'), ...rights };
}
