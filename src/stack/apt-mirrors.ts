import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const DEFAULT_MIRROR = 'http://deb.debian.org/debian';

/**
 * The addresses of Debian archives in the texts of apt source files, in their order, security and vendors' archives
 * left out. Both formats are read: one line per source, and the deb822 form of `.sources` files.
 */
export function parseDebianMirrors(texts: readonly string[]): string[] {
  const mirrors = new Set<string>();
  for (const text of texts) {
    const lines = text.split('\n').filter((line) => !line.trimStart().startsWith('#'));
    for (const line of lines) {
      const found = /^\s*(?:deb(?:\s+\[[^\]]*\])?|URIs:)\s+(.+)$/.exec(line)?.[1] ?? '';
      for (const word of found.split(/\s+/)) {
        const uri = word.replace(/\/+$/, '');
        if (/^https?:\/\/.*\/debian$/.test(uri)) mirrors.add(uri);
      }
    }
  }
  return [...mirrors];
}

/** The mirrors this machine's apt uses for Debian itself, then Debian's own. */
export function debianMirrors(aptFolder = '/etc/apt'): string[] {
  const read = (file: string): string => {
    try {
      return readFileSync(file, 'utf8');
    } catch {
      return '';
    }
  };
  const parts = join(aptFolder, 'sources.list.d');
  let files: string[] = [];
  try {
    files = readdirSync(parts).filter((name) => /\.(?:list|sources)$/.test(name));
  } catch {
    // Without the folder there is only the main file.
  }
  const texts = [join(aptFolder, 'sources.list'), ...files.sort().map((name) => join(parts, name))].map(read);
  return [...new Set([...parseDebianMirrors(texts), DEFAULT_MIRROR])];
}
