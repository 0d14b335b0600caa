import type { Random } from '../../clients/simulator/random.ts';
import { hex, packed } from './message-bytes.ts';
import { below, pick, type Tokens, validJson, validMsgpack } from './valid-message.ts';

export interface MutatedMessage {
  readonly codec: 'msgpack' | 'json';
  readonly bytes: Buffer;
}

/** Values that have broken decoders: claims, depth, foreign types, limits of number formats. */
const EVIL_MSGPACK: readonly Buffer[] = [
  ...['c1', 'c0', 'c2', 'c3', '80', '90', 'a0', 'c400', '8f', '9f', 'ff', 'e0', '7f'].map(hex),
  ...['dd 01ffffff', 'dd ffffffff', 'df ffffffff', 'db ffffffff', 'c6 ffffffff', 'c9 ffffffff 72', 'dc ffff'].map(hex),
  ...['de ffff', 'da ffff', 'd9 ff', 'c5 ffff', 'c8 ffff 42', 'd4 72 40', 'd5 65 0000', 'd6 78 00000000'].map(hex),
  ...['d7 ff ffffffffffffffff', 'd8 00 00000000000000000000000000000000', 'c7 0c ff 000000000000000000000000'].map(hex),
  ...['cf 0020000000000000', 'cf ffffffffffffffff', 'd3 8000000000000000', 'd3 ffdfffffffffffff'].map(hex),
  ...['cb 7ff8000000000000', 'cb 7ff0000000000000', 'cb 8000000000000000', 'cb 0000000000000001', 'ca 7fc00000'].map(
    hex,
  ),
  ...['__proto__', 'constructor', 'toString', 'ticks', 'seq', 'action', 'publish', '\\.', '\\N', '\0'].map(packed),
  Buffer.concat(Array.from({ length: 12 }, () => hex('dd01ffffff'))),
  Buffer.alloc(64, 0x91),
  Buffer.alloc(64, 0x81),
  Buffer.concat(Array.from({ length: 200 }, () => hex('dcffff'))),
];
const EVIL_JSON: readonly Buffer[] = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  'null',
  'true',
  '1e400',
  '-0',
  '1e-400',
  '9007199254740993',
  '"__proto__"',
  '"constructor"',
  '"ticks"',
  '"\\ud800"',
  '"\\u0000"',
  '\ufeff',
  '\\',
  'NaN',
  '[[[[[[[[',
].map((text) => Buffer.from(text));

const KEPT = 500;
/** One in so many is not changed, so that what is good is seen to pass. */
const UNCHANGED = 15;
/** One in so many is made anew: making is slower than changing. */
const RENEWED = 40;

/** Messages like those of feeds, changed: the same seed of `random` gives the same ones. */
export class Mutator {
  readonly #random: Random;
  readonly #valid: Readonly<Record<MutatedMessage['codec'], Array<readonly Buffer[]>>>;

  constructor(random: Random) {
    this.#random = random;
    this.#valid = {
      msgpack: Array.from({ length: KEPT }, () => validMsgpack(random)),
      json: Array.from({ length: KEPT }, () => validJson(random)),
    };
  }

  /** A valid message with one to three changes, most of them at the borders of its parts. */
  next(): MutatedMessage {
    const random = this.#random;
    const codec = below(random, 5) === 0 ? 'json' : 'msgpack';
    const evil = codec === 'json' ? EVIL_JSON : EVIL_MSGPACK;
    const valid = this.#valid[codec];
    if (below(random, RENEWED) === 0)
      valid[below(random, KEPT)] = codec === 'json' ? validJson(random) : validMsgpack(random);
    const tokens = [...pick(random, valid)];
    const changes = below(random, UNCHANGED) === 0 ? 0 : pick(random, [1, 1, 1, 2, 3]);
    const inBytes = below(random, 4) === 0;
    for (let change = 0; change < changes; change++)
      if (!inBytes || change > 0) changeTokens(random, tokens, evil, pick(random, valid));
    const bytes = Buffer.concat(tokens);
    return { codec, bytes: inBytes && changes > 0 ? changeBytes(random, bytes) : bytes };
  }
}

function changeTokens(random: Random, tokens: Tokens, evil: readonly Buffer[], donor: readonly Buffer[]): void {
  const at = below(random, tokens.length);
  switch (below(random, 9)) {
    case 0:
      tokens.splice(at, 1);
      return;
    case 1:
      tokens.splice(at, 0, tokens[at] ?? pick(random, evil));
      return;
    case 2:
      tokens.splice(at, 0, pick(random, evil));
      return;
    case 3: {
      const other = below(random, Math.max(1, tokens.length));
      const [a, b] = [tokens[at], tokens[other]];
      if (a !== undefined && b !== undefined) [tokens[at], tokens[other]] = [b, a];
      return;
    }
    case 4: {
      // A part of another message in the middle of this one.
      const from = below(random, donor.length);
      tokens.splice(at, below(random, 4), ...donor.slice(from, from + below(random, 8)));
      return;
    }
    case 5: {
      // Headers that say one more or one less.
      const token = Buffer.from(tokens[at] ?? []);
      if (token.length > 0) token[0] = ((token[0] ?? 0) + pick(random, [1, 255])) & 0xff;
      tokens[at] = token;
      return;
    }
    case 6:
      tokens.length = at;
      return;
    default:
      tokens[at] = pick(random, evil);
  }
}

function changeBytes(random: Random, bytes: Buffer): Buffer {
  if (bytes.length === 0) return bytes;
  const at = below(random, bytes.length);
  switch (below(random, 5)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return Buffer.concat([bytes, Buffer.from([random.uint32() & 0xff])]);
    case 2:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from([random.uint32() & 0xff]), bytes.subarray(at)]);
    default: {
      const changed = Buffer.from(bytes);
      for (let flips = 1 + below(random, 3); flips > 0; flips--) {
        const place = below(random, changed.length);
        changed[place] = (changed[place] ?? 0) ^ (1 << below(random, 8));
      }
      return changed;
    }
  }
}
