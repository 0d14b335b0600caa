import { createHmac, randomBytes } from 'node:crypto';

/** At most so many fingerprints are kept; they are computed again where they are needed again. */
const MAX_CACHED = 16_384;
/** Secret of this process: without it nobody can choose names whose sets have equal keys. */
const SECRET = randomBytes(32);

type Fingerprint = readonly [number, number, number, number];

const cache = new Map<string, Fingerprint>();

/** Keyed hash of a name: 128 bits of an HMAC. */
function fingerprintOf(name: string): Fingerprint {
  const known = cache.get(name);
  if (known !== undefined) return known;
  const digest = createHmac('sha256', SECRET).update(name).digest();
  const fingerprint: Fingerprint = [
    digest.readInt32LE(0),
    digest.readInt32LE(4),
    digest.readInt32LE(8),
    digest.readInt32LE(12),
  ];
  if (cache.size >= MAX_CACHED) cache.clear();
  cache.set(name, fingerprint);
  return fingerprint;
}

/**
 * Set of names with an incremental hash: its key is the exclusive or of the names' keyed hashes, so that a change costs
 * what it changes, however many names there are. Equal sets have equal keys in one process; others have not, but with a
 * chance of 2^-128.
 */
export class SymbolSet {
  readonly #names = new Set<string>();
  #a = 0;
  #b = 0;
  #c = 0;
  #d = 0;

  constructor(names: Iterable<string> = []) {
    for (const name of names) this.add(name);
  }

  /** A view that changes with the set. */
  get names(): ReadonlySet<string> {
    return this.#names;
  }

  get size(): number {
    return this.#names.size;
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** @returns false where the name was there already */
  add(name: string): boolean {
    if (this.#names.has(name)) return false;
    this.#names.add(name);
    this.#toggle(name);
    return true;
  }

  /** @returns false where the name was not there */
  delete(name: string): boolean {
    if (!this.#names.delete(name)) return false;
    this.#toggle(name);
    return true;
  }

  /** The same text for the same names, whatever their order; empty for none. */
  get key(): string {
    if (this.#names.size === 0) return '';
    return `${this.#names.size}.${this.#a}.${this.#b}.${this.#c}.${this.#d}`;
  }

  #toggle(name: string): void {
    const [a, b, c, d] = fingerprintOf(name);
    this.#a ^= a;
    this.#b ^= b;
    this.#c ^= c;
    this.#d ^= d;
  }
}
