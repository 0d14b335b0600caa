import { TWO_32 } from '../../src/base/two-32.ts';

/**
 * A small seeded source of randomness: xoshiro128** seeded by splitmix32 (Blackman and Vigna). The same seed gives the
 * same numbers on every machine. Not for secrets.
 */
export class Random {
  readonly #state: Uint32Array;
  #spareNormal: number | undefined;

  /** @param state four words, not all zero */
  constructor(state: readonly [number, number, number, number]) {
    this.#state = Uint32Array.from(state);
  }

  static fromSeed(seed: number | string): Random {
    const next = splitmix32(hashText(String(seed)));
    return new Random([next(), next(), next(), next()]);
  }

  /** Uniform on 0 … 2^32−1. */
  uint32(): number {
    const s = this.#state;
    const [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = [s[0], s[1], s[2], s[3]];
    const result = Math.imul(rotate(Math.imul(s1, 5), 7), 9) >>> 0;
    const n2 = s2 ^ s0;
    const n3 = s3 ^ s1;
    s[1] = s1 ^ n2;
    s[0] = s0 ^ n3;
    s[2] = n2 ^ (s1 << 9);
    s[3] = rotate(n3, 11);
    return result;
  }

  /** Uniform on [0, 1). */
  fraction(): number {
    return this.uint32() / TWO_32;
  }

  /** Exponential with mean 1. */
  exponential(): number {
    return -Math.log(1 - this.fraction());
  }

  /** Normal with mean 0 and deviation 1. */
  normal(): number {
    const spare = this.#spareNormal;
    if (spare !== undefined) {
      this.#spareNormal = undefined;
      return spare;
    }
    const radius = Math.sqrt(2 * this.exponential());
    const angle = 2 * Math.PI * this.fraction();
    this.#spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

function splitmix32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e37_79b9) >>> 0;
    return mix32(state);
  };
}

/** Spreads every bit of a word over all of it. */
export function mix32(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** FNV-1a over the UTF-16 units of a text. */
export function hashText(text: string): number {
  let hash = 0x811c_9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x0100_0193);
  return hash >>> 0;
}
