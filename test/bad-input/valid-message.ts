import type { Random } from '../../clients/simulator/random.ts';
import { hex, packed, shortText } from './message-bytes.ts';

/** A message as its smallest parts, in order: headers and single values for msgpack, lexical parts for JSON. */
export type Tokens = Buffer[];

const SYMBOLS = ['COMI', 'EGX.30', 'A', 'HRHO.CA', 'BTC/USD', 'x'.repeat(32)];
const TIME_MICROS = 1_700_000_000_000_000;
const MAX_SEQ = Number.MAX_SAFE_INTEGER;

export function pick<T>(random: Random, choices: readonly T[]): T {
  const chosen = choices[random.uint32() % choices.length];
  if (chosen === undefined) throw new Error('nothing to choose from');
  return chosen;
}

/** A whole number from 0 up to, and without, `end`. */
export function below(random: Random, end: number): number {
  return Math.floor(random.fraction() * end);
}

/** A message that a feed may send, as msgpack. */
export function validMsgpack(random: Random): Tokens {
  const kind = below(random, 10);
  if (kind === 0) return keyed({ action: 'auth', token: 'x'.repeat(below(random, 40)) });
  if (kind === 1) {
    return keyed({
      action: 'open',
      feed: 'egx-main',
      instance: 'i',
      attempt: 1 + below(random, 9),
      have: 0,
      live: true,
    });
  }
  if (kind === 2) return keyed({ action: 'skip', to: 5, next: 5 + below(random, 1e6) + 1 });
  const prev = below(random, 3) === 0 ? below(random, MAX_SEQ - 1) : below(random, 1_000);
  const head = kind === 3 ? { action: 'publish', id: 'one' } : { action: 'publish', seq: prev + 1, prev };
  const tokens = keyed(head);
  tokens[0] = Buffer.from([(tokens[0]?.[0] ?? 0) + 1]);
  return [...tokens, shortText('ticks'), ...tickTokens(random)];
}

function keyed(message: Readonly<Record<string, string | number | boolean>>): Tokens {
  const entries = Object.entries(message);
  return [
    Buffer.from([0x80 | entries.length]),
    ...entries.flatMap(([key, value]) => [shortText(key), typeof value === 'number' ? integer(value) : packed(value)]),
  ];
}

function tickTokens(random: Random): Tokens {
  const count = below(random, 400) === 0 ? 5_000 : below(random, 12);
  const tokens: Tokens = [packed(Array.from({ length: count }, () => 0)).subarray(0, count < 16 ? 1 : 3)];
  for (let at = 0; at < count; at++) {
    const fields = below(random, 10) === 0 ? 3 : 4;
    tokens.push(
      Buffer.from([0x90 | fields]),
      packed(pick(random, SYMBOLS)),
      priceOf(random),
      integer(below(random, 1e7)),
    );
    if (fields === 4) tokens.push(timeOf(random));
  }
  return tokens;
}

function priceOf(random: Random): Buffer {
  return packed(pick(random, [45.5, 1, 100_000, 0.001, random.fraction() * 1e9 + 1e-9]));
}

function timeOf(random: Random): Buffer {
  const micros = TIME_MICROS + below(random, 1e11);
  return pick(random, [
    integer(micros),
    integer(micros),
    packed(micros),
    hex('c0'),
    hex('d6 ff 65920080'),
    packed('2025-01-02T10:00:00.123456Z'),
  ]);
}

function integer(value: number): Buffer {
  return value < 2 ** 32 ? packed(value) : packed(BigInt(value));
}

const JSON_PARTS = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^{}[\],:"]+/g;

/** The same as JSON text. */
export function validJson(random: Random): Tokens {
  const prev = below(random, 1_000);
  const ticks = Array.from({ length: below(random, 8) }, () => [
    pick(random, SYMBOLS),
    random.fraction() * 100,
    below(random, 1e6),
    pick(random, [TIME_MICROS, '2025-01-02T10:00:00Z', null]),
  ]);
  const message = pick<object>(random, [
    { action: 'open', feed: 'egx-main', instance: 'i', attempt: 1 },
    { action: 'publish', seq: prev + 1, prev, ticks },
    { action: 'publish', id: 7, ticks },
    { action: 'skip', to: 1, next: 9 },
  ]);
  return [...JSON.stringify(message).matchAll(JSON_PARTS)].map(([part]) => Buffer.from(part));
}
