import { OPCODE } from './frame-bytes.ts';
import { hex, packed, publishWith, rawMap, shortText, tickWith } from './message-bytes.ts';

/**
 * One message after the upgrade on an open feed, and the answer. `refused`: error 400 and the end with 4501.
 * `too-large`: 422 and 4501. A list: accepted, and the ticks rejected for these reasons. An empty one: accepted whole.
 */
export interface PayloadCase {
  readonly id: string;
  readonly name: string;
  readonly payload: Uint8Array;
  readonly codec: 'msgpack' | 'json';
  readonly expected: 'refused' | 'too-large' | readonly string[];
}

const KIB = 1_024;
const NOW_MICROS = Date.now() * 1_000;
const ROW: readonly unknown[] = ['COMI', 45.5, 1_000, NOW_MICROS];
const VALID = { action: 'publish', seq: 1, prev: 0, ticks: [ROW] };

const symbol = shortText('COMI');
const price = packed(45.5);
const volume = packed(1_000);
const time = hex(`cf ${NOW_MICROS.toString(16).padStart(16, '0')}`);

/** A publish message whose one tick has one field replaced. */
function tick(field: 'symbol' | 'price' | 'volume' | 'time', bytes: Buffer): Buffer {
  const parts = { symbol, price, volume, time, [field]: bytes };
  return tickWith(parts.symbol, parts.price, parts.volume, parts.time);
}

function double(value: number): Buffer {
  const bytes = Buffer.alloc(9, 0xcb);
  bytes.writeDoubleBE(value, 1);
  return bytes;
}

function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(9, 0xcf);
  bytes.writeBigUInt64BE(value, 1);
  return bytes;
}

function text16(bytes: Uint8Array): Buffer {
  const head = Buffer.from([0xda, 0, 0]);
  head.writeUInt16BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

function headers(bytes: string, totalBytes: number): Buffer {
  const one = hex(bytes);
  return Buffer.concat(Array.from({ length: Math.floor(totalBytes / one.length) }, () => one));
}

function bad(id: string, name: string, payload: Buffer): PayloadCase {
  return { id, name, payload, codec: 'msgpack', expected: 'refused' };
}

function tickCase(id: string, name: string, payload: Buffer, ...reasons: readonly string[]): PayloadCase {
  return { id, name, payload, codec: 'msgpack', expected: reasons };
}

function json(id: string, name: string, payload: unknown, expected: PayloadCase['expected']): PayloadCase {
  const bytes = Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
  return { id, name, payload: bytes, codec: 'json', expected };
}

const validBytes = packed(VALID);
/** P1: every proper beginning of a valid message. */
export const TRUNCATED_CASES: readonly PayloadCase[] = Array.from({ length: validBytes.length }, (_, bytes) =>
  bad('P1', `the first ${bytes} of ${validBytes.length} bytes`, validBytes.subarray(0, bytes)),
);

const publishPairs = (seq: Buffer, prev: Buffer): Buffer =>
  rawMap([
    ['action', shortText('publish')],
    ['seq', seq],
    ['prev', prev],
    ['ticks', Buffer.from([0x90])],
  ]);
const withKey = (key: Buffer | string): Buffer =>
  rawMap([
    ['action', shortText('publish')],
    ['seq', packed(1)],
    ['prev', packed(0)],
    ['ticks', Buffer.from([0x90])],
    [key, packed(1)],
  ]);

export const MSGPACK_CASES: readonly PayloadCase[] = [
  tickCase('P0', 'a valid frame', validBytes),
  bad('P2', 'a byte after the message', Buffer.concat([validBytes, Buffer.from([0])])),
  bad('P2', 'two messages glued', Buffer.concat([validBytes, validBytes])),
  bad('P3', '0xc1 alone', hex('c1')),
  bad('P3', '0xc1 as a value', rawMap([['action', hex('c1')]])),
  bad('P3', '0xc1 in a tick', tick('price', hex('c1'))),
  ...['dd ffffffff', 'df ffffffff', 'db ffffffff', 'c6 ffffffff', 'c9 ffffffff 72'].map((bytes) =>
    bad('P4', `${bytes} alone`, hex(bytes)),
  ),
  ...['df ffffffff', 'db ffffffff', 'c6 ffffffff', 'c9 ffffffff 72'].map((bytes) =>
    bad('P4', `${bytes} in a tick`, tick('symbol', hex(bytes))),
  ),
  { ...bad('P4', 'ticks that claim 2^32 - 1', publishWith(hex('dd ffffffff'))), expected: 'too-large' },
  { ...bad('P5', 'ticks that claim 30 million', publishWith(hex('dd 01c9c380'))), expected: 'too-large' },
  { ...bad('P5', 'ticks that claim one too many', publishWith(hex('dc 1389'))), expected: 'too-large' },
  bad('P6', 'a bomb of 60 bytes: nested dd 01ffffff', headers('dd01ffffff', 60)),
  { ...bad('P6', 'the same in the place of ticks', publishWith(headers('dd01ffffff', 60))), expected: 'too-large' },
  bad('P6', 'the same in a tick', tick('price', headers('dd01ffffff', 60))),
  bad('P6', '6 KB of nested headers', headers('dcffff', 6_000)),
  bad('P6', '64 KB of nested headers', headers('dd00010000', 64 * KIB)),
  bad('P6', '64 KB of nested headers in a tick', tick('volume', headers('dcffff', 64 * KIB))),
  bad('P7', 'arrays 65,535 deep', Buffer.alloc(64 * KIB, 0x91)),
  bad('P7', 'arrays 65,535 deep in ticks', publishWith(Buffer.alloc(64 * KIB, 0x91))),
  bad('P7', 'maps 20,000 deep', headers('81 a161', 60_000)),
  ...['00', '42', '65', '70', '72', '78', 'fe'].map((type) =>
    bad('P8', `extension 0x${type}`, tick('price', hex(`d6 ${type} 00000001`))),
  ),
  bad('P8', 'a record definition first', hex(`d4 72 40 93 a161 a162 a163 010203`)),
  bad('P8', 'a BigInt of 60 KB', tick('volume', Buffer.concat([hex('c8 ea60 42'), Buffer.alloc(60_000, 1)]))),
  bad('P8', 'a timestamp as a symbol’s key', withKey(hex('d6ff 00000001'))),
  ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'].map((key) =>
    bad('P9', `key ${key}`, withKey(key)),
  ),
  ...['__proto__', 'constructor', 'toString'].map((action) =>
    bad('P9', `action ${action}`, rawMap([['action', shortText(action)]])),
  ),
  bad('P10', 'a key twice', withKey('seq')),
  bad(
    'P10',
    'ticks twice',
    rawMap([
      ['action', shortText('publish')],
      ['seq', packed(1)],
      ['prev', packed(0)],
      ['ticks', hex('90')],
      ['ticks', hex('90')],
    ]),
  ),
  bad('P11', 'an unknown key', withKey('qty')),
  bad('P11', 'no action', packed({ seq: 1, prev: 0, ticks: [] })),
  bad('P11', 'no ticks', packed({ action: 'publish', seq: 1, prev: 0 })),
  bad('P11', 'seq without prev', packed({ action: 'publish', seq: 1, ticks: [] })),
  bad('P11', 'prev without seq', packed({ action: 'publish', prev: 1, ticks: [] })),
  bad('P11', 'a tick of two', packed({ ...VALID, ticks: [ROW.slice(0, 2)] })),
  bad('P11', 'a tick of five', packed({ ...VALID, ticks: [[...ROW, 0]] })),
  tickCase('P11', 'a tick without its time', packed({ ...VALID, ticks: [ROW.slice(0, 3)] })),
  bad('P11', 'nine keys', packed({ ...VALID, a: 1, b: 2, c: 3, d: 4, e: 5 })),
  bad('P12', 'a number as a key', withKey(packed(7))),
  bad('P12', 'binary as a key', withKey(hex('c4 01 61'))),
  bad('P12', 'nil as a key', withKey(hex('c0'))),
  bad('P12', 'no map at all', packed([VALID])),
  bad('P12', 'a text', packed('publish')),
  tickCase('P13', 'numbers in their longest form', publishPairs(uint64(1n), uint64(0n))),
  bad('P14', 'seq 2^53', publishPairs(uint64(1n << 53n), packed(0))),
  bad('P14', 'seq 2^64 - 1', publishPairs(uint64((1n << 64n) - 1n), packed(0))),
  bad('P14', 'seq 0', publishPairs(packed(0), packed(0))),
  bad('P14', 'seq -1', publishPairs(packed(-1), packed(0))),
  bad('P14', 'seq 1.5', publishPairs(double(1.5), packed(0))),
  bad('P14', 'seq NaN', publishPairs(double(Number.NaN), packed(0))),
  bad('P14', 'seq as a text', publishPairs(shortText('1'), packed(0))),
  bad('P14', 'seq as true', publishPairs(hex('c3'), packed(0))),
  bad('P14', 'seq equal to prev', publishPairs(packed(5), packed(5))),
  bad('P14', 'seq below prev', publishPairs(packed(4), packed(5))),
  tickCase('P14', 'seq 1.0, a whole number', publishPairs(double(1), packed(0))),
  tickCase('P15', 'price NaN', tick('price', double(Number.NaN)), 'price_invalid'),
  tickCase('P15', 'price Infinity', tick('price', double(Number.POSITIVE_INFINITY)), 'price_invalid'),
  tickCase('P15', 'price -Infinity', tick('price', double(Number.NEGATIVE_INFINITY)), 'price_invalid'),
  tickCase('P15', 'price -0', tick('price', double(-0)), 'price_out_of_range'),
  tickCase('P15', 'price 1e308', tick('price', double(1e308)), 'price_out_of_range'),
  tickCase('P15', 'price 1e12', tick('price', double(1e12)), 'price_out_of_range'),
  tickCase('P15', 'price -1', tick('price', double(-1)), 'price_out_of_range'),
  tickCase('P15', 'the smallest price there is', tick('price', double(Number.MIN_VALUE))),
  tickCase('P15', 'price as a single float', tick('price', hex('ca 42360000'))),
  tickCase('P16', 'a price of many digits is kept as it is', tick('price', double(45.123_456_789_012_3))),
  tickCase('P17', 'volume -1', tick('volume', packed(-1)), 'volume_out_of_range'),
  tickCase('P17', 'volume 1e12 + 1', tick('volume', uint64(1_000_000_000_001n)), 'volume_out_of_range'),
  tickCase('P17', 'volume 2^64 - 1', tick('volume', uint64((1n << 64n) - 1n)), 'volume_out_of_range'),
  tickCase('P17', 'volume -2^63', tick('volume', hex('d3 8000000000000000')), 'volume_out_of_range'),
  tickCase('P17', 'volume 1.5', tick('volume', double(1.5)), 'volume_fractional'),
  tickCase('P17', 'volume NaN', tick('volume', double(Number.NaN)), 'volume_invalid'),
  tickCase('P17', 'volume -0 is 0', tick('volume', double(-0))),
  tickCase('P17', 'volume 1e12', tick('volume', uint64(1_000_000_000_000n))),
  tickCase('P18', 'time in seconds', tick('time', packed(1_700_000_000)), 'time_out_of_range'),
  tickCase('P18', 'time in milliseconds', tick('time', uint64(1_700_000_000_000n)), 'time_out_of_range'),
  tickCase('P18', 'time in nanoseconds', tick('time', uint64(1_700_000_000_000_000_000n)), 'time_out_of_range'),
  tickCase('P18', 'time 0', tick('time', packed(0)), 'time_out_of_range'),
  tickCase('P18', 'time 2^64 - 1', tick('time', uint64((1n << 64n) - 1n)), 'time_out_of_range'),
  tickCase('P18', 'time in an hour', tick('time', uint64(BigInt(NOW_MICROS) + 3_600_000_000n)), 'time_out_of_range'),
  tickCase('P18', 'time of half a microsecond', tick('time', double(1_700_000_000_000_000.5)), 'time_invalid'),
  tickCase('P18', 'time NaN', tick('time', double(Number.NaN)), 'time_invalid'),
  tickCase('P18', 'time as a text without a zone', tick('time', shortText('2025-01-02T10:00:00')), 'time_invalid'),
  tickCase('P18', 'the 30th of February', tick('time', shortText('2025-02-30T10:00:00Z')), 'time_invalid'),
  tickCase('P18', 'time as a text', tick('time', shortText('2025-01-02T10:00:00.5Z'))),
  tickCase('P18', 'a timestamp of 4 bytes', tick('time', hex('d6 ff 65920080'))),
  tickCase(
    'P18',
    'a timestamp of 12 bytes before 1970',
    tick('time', hex('c7 0c ff 00000000 ffffffffffffffff')),
    'time_out_of_range',
  ),
  tickCase('P18', 'time true', tick('time', hex('c3')), 'time_invalid'),
  tickCase('P18', 'time nil is now', tick('time', hex('c0'))),
  tickCase('P19', 'an empty symbol', tick('symbol', hex('a0')), 'symbol_invalid'),
  tickCase('P19', 'a symbol of 33 characters', tick('symbol', text16(Buffer.alloc(33, 0x41))), 'symbol_invalid'),
  tickCase('P19', 'a symbol of 4 KB', tick('symbol', text16(Buffer.alloc(4_096, 0x41))), 'symbol_invalid'),
  ...(
    [
      ['NUL', [0x41, 0]],
      ['a line feed', [0x41, 0x0a]],
      ['escape', [0x1b, 0x5b]],
      ['bad UTF-8', [0xff, 0xfe]],
      ['overlong UTF-8', [0xc0, 0xaf]],
      ['a lone surrogate', [0xed, 0xa0, 0x80]],
      ['a right-to-left override', [0xe2, 0x80, 0xae]],
      ['\\N', [0x5c, 0x4e]],
      ['\\.', [0x5c, 0x2e]],
      ['a tabulator', [0x41, 0x09]],
      ['a quotation mark', [0x22]],
    ] as const
  ).map(([name, bytes]) =>
    tickCase('P19', `${name} in a symbol`, tick('symbol', text16(Buffer.from(bytes))), 'symbol_invalid'),
  ),
  tickCase('P20', 'a number as a symbol', tick('symbol', packed(7)), 'symbol_invalid'),
  bad('P20', 'binary as a symbol', tick('symbol', hex('c4 01 41'))),
  tickCase('P20', 'a text as a price', tick('price', shortText('45.5')), 'price_invalid'),
  bad('P20', 'an array as a price', tick('price', hex('91 01'))),
  bad('P20', 'a map as a volume', tick('volume', hex('81 a161 01'))),
  tickCase('P21', 'nil as a symbol', tick('symbol', hex('c0')), 'symbol_invalid'),
  tickCase('P21', 'nil as a price', tick('price', hex('c0')), 'price_invalid'),
  tickCase('P21', 'nil as a volume', tick('volume', hex('c0')), 'volume_invalid'),
  bad('P21', 'nil as ticks', publishWith(hex('c0'))),
  tickCase('P22', 'no ticks', publishWith(hex('90'))),
  bad('P22', 'fewer ticks than the header says', publishWith(hex('92 94 a141 01 01 c0'))),
  bad('P22', 'more ticks than the header says', publishWith(hex('91 94 a141 01 01 c0 94 a141 01 01 c0'))),
  {
    ...tickCase(
      'P23',
      'two days that are 366 apart',
      packed({
        ...VALID,
        ticks: [
          ['A', 1, 1, 1_700_000_000_000_000],
          ['A', 1, 1, 1_700_000_000_000_000 - 366 * 86_400_000_000],
        ],
      }),
    ),
    expected: ['day_spread'],
  },
  tickCase(
    'P24',
    '5,000 symbols',
    packed({ ...VALID, ticks: Array.from({ length: 5_000 }, (_, at) => [`S${at}`, 1, 1]) }),
  ),
];

const deep = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;
const publishJson = (ticks: string): string => `{"action":"publish","seq":1,"prev":0,"ticks":${ticks}}`;

export const JSON_CASES: readonly PayloadCase[] = [
  json('J0', 'a valid frame', VALID, []),
  json('J1', 'half of one', JSON.stringify(VALID).slice(0, 40), 'refused'),
  json('J1', 'no JSON', 'hello', 'refused'),
  json('J1', 'NaN', '{"action":"publish","seq":NaN}', 'refused'),
  json('J1', 'a comma too many', '{"action":"auth",}', 'refused'),
  json('J1', 'a byte order mark', `\ufeff${JSON.stringify(VALID)}`, 'refused'),
  json('J2', 'two messages', `${JSON.stringify(VALID)}${JSON.stringify(VALID)}`, 'refused'),
  json('J2', 'an array of one', [VALID], 'refused'),
  json('J2', 'null', 'null', 'refused'),
  json('J2', 'a number', '1', 'refused'),
  json('J7', 'arrays 100,000 deep', deep(100_000), 'refused'),
  json('J7', 'ticks 100,000 deep', publishJson(deep(100_000)), 'refused'),
  json('J7', 'a price 100,000 deep', publishJson(`[["A",${deep(100_000)},1]]`), 'refused'),
  json('J7', 'a symbol that is an array', publishJson('[[["A"],1,1]]'), 'refused'),
  json('J7', 'a volume that is a map', publishJson('[["A",1,{"a":1}]]'), 'refused'),
  json('J9', 'key __proto__', '{"action":"publish","seq":1,"prev":0,"ticks":[],"__proto__":1}', 'refused'),
  json('J9', '__proto__ with rights', '{"__proto__":{"action":"publish","seq":1,"prev":0,"ticks":[]}}', 'refused'),
  json('J9', 'action constructor', '{"action":"constructor"}', 'refused'),
  json('J11', 'an unknown key', { ...VALID, qty: 1 }, 'refused'),
  json('J11', '25,000 keys', `{${Array.from({ length: 25_000 }, (_, at) => `"${at}":0`).join(',')}}`, 'refused'),
  json('J14', 'seq 2^53', { ...VALID, seq: 2 ** 53 }, 'refused'),
  json('J14', 'seq as a text', { ...VALID, seq: '1' }, 'refused'),
  json('J14', 'seq as a list', { ...VALID, seq: [1] }, 'refused'),
  json('J15', 'price 1e400', publishJson('[["A",1e400,1]]'), ['price_invalid']),
  json('J15', 'price as a text', publishJson('[["A","1",1]]'), ['price_invalid']),
  json('J17', 'volume 1.5', publishJson('[["A",1,1.5]]'), ['volume_fractional']),
  json('J18', 'time as a text without a zone', publishJson('[["A",1,1,"2025-01-02T10:00:00"]]'), ['time_invalid']),
  json('J18', 'time as 200 KB of digits', publishJson(`[["A",1,1,"${'1'.repeat(200_000)}"]]`), ['time_invalid']),
  json('J19', 'a lone surrogate in a symbol', publishJson('[["\\ud800",1,1]]'), ['symbol_invalid']),
  json('J19', 'NUL in a symbol', publishJson('[["A\\u0000",1,1]]'), ['symbol_invalid']),
  json('J19', 'a symbol of 200 KB', publishJson(`[["${'A'.repeat(200_000)}",1,1]]`), ['symbol_invalid']),
  json('J22', 'ticks that are a map', publishJson('{"0":["A",1,1]}'), 'refused'),
  json('J22', 'ticks that are a text', publishJson('"A"'), 'refused'),
  json('J22', 'a tick that is a map', publishJson('[{"S":"A"}]'), 'refused'),
  json('J22', 'a tick that is null', publishJson('[null]'), 'refused'),
  json('J22', 'no ticks', publishJson('[]'), []),
  json(
    'J22',
    '5,001 ticks',
    publishJson(`[${Array.from({ length: 5_001 }, () => '["A",1,1]').join(',')}]`),
    'too-large',
  ),
  json('J22', 'all that a tick can get wrong', publishJson('[["",1,1],["A",0,1],["A",1,-1],["A",1,1,0]]'), [
    'symbol_invalid',
    'price_out_of_range',
    'volume_out_of_range',
    'time_out_of_range',
  ]),
];

/** The opcode that carries a codec's messages. */
export function opcodeOf(codec: PayloadCase['codec']): number {
  return codec === 'json' ? OPCODE.text : OPCODE.binary;
}
