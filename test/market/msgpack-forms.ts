import * as fc from 'fast-check';

/**
 * Every form in which msgpack can hold a value. Libraries write the shortest; what is longer is as valid.
 * https://github.com/msgpack/msgpack/blob/master/spec.md
 */

/** Bytes written as hexadecimal, spaces where one likes. */
export function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
}

export function float64(value: number): Buffer {
  const bytes = Buffer.from([0xcb, 0, 0, 0, 0, 0, 0, 0, 0]);
  bytes.writeDoubleBE(value, 1);
  return bytes;
}

export function float32(value: number): Buffer {
  const bytes = Buffer.from([0xca, 0, 0, 0, 0]);
  bytes.writeFloatBE(value, 1);
  return bytes;
}

/** A whole number in all forms that can hold it. */
export function intForms(value: bigint): Buffer[] {
  const forms: Buffer[] = [];
  const put = (first: number, bits: number): void => {
    const bytes = Buffer.alloc(1 + bits / 8);
    bytes[0] = first;
    for (let at = bits / 8, rest = BigInt.asUintN(bits, value); at > 0; at--, rest >>= 8n)
      bytes[at] = Number(rest & 0xffn);
    forms.push(bytes);
  };
  if (value >= 0n && value < 128n) forms.push(Buffer.from([Number(value)]));
  if (value < 0n && value >= -32n) forms.push(Buffer.from([256 + Number(value)]));
  [8, 16, 32, 64].forEach((bits, at) => {
    if (value >= 0n && value < 1n << BigInt(bits)) put(0xcc + at, bits);
    const half = 1n << BigInt(bits - 1);
    if (value >= -half && value < half) put(0xd0 + at, bits);
  });
  return forms;
}

export function textForms(text: string): Buffer[] {
  const bytes = Buffer.from(text);
  const { length } = bytes;
  const headers = [
    hex(`da ${length.toString(16).padStart(4, '0')}`),
    hex(`db ${length.toString(16).padStart(8, '0')}`),
  ];
  if (length < 256) headers.unshift(Buffer.from([0xd9, length]));
  if (length < 32) headers.unshift(Buffer.from([0xa0 | length]));
  return headers.map((header) => Buffer.concat([header, bytes]));
}

export function arrayHeaders(count: number): Buffer[] {
  const headers = [hex(`dc ${count.toString(16).padStart(4, '0')}`), hex(`dd ${count.toString(16).padStart(8, '0')}`)];
  if (count < 16) headers.unshift(Buffer.from([0x90 | count]));
  return headers;
}

/** Timestamps of 4, 8 and 12 bytes, those that can hold the time. */
export function timestampForms(seconds: bigint, nanoseconds: number): Buffer[] {
  const long = Buffer.alloc(15);
  long.set([0xc7, 12, 0xff]);
  long.writeUInt32BE(nanoseconds, 3);
  long.writeBigInt64BE(seconds, 7);
  const forms = [long];
  if (seconds >= 0n && seconds < 1n << 34n) {
    const middle = Buffer.alloc(10);
    middle.set([0xd7, 0xff]);
    middle.writeBigUInt64BE((BigInt(nanoseconds) << 34n) | seconds, 2);
    forms.push(middle);
  }
  if (seconds >= 0n && seconds < 1n << 32n && nanoseconds === 0) {
    const short = Buffer.alloc(6);
    short.set([0xd6, 0xff]);
    short.writeUInt32BE(Number(seconds), 2);
    forms.push(short);
  }
  return forms;
}

export const anyOf = (forms: readonly Buffer[]): fc.Arbitrary<Buffer> => fc.constantFrom(...forms);

/** Headers nested without an end, each claiming 2^32 elements: small messages that ask for much. */
export const BOMBS: ReadonlyArray<readonly [name: string, bytes: Buffer]> = [
  ['60 bytes of nested array headers', repeated('dd 01 ff ff ff', 12)],
  ['60 bytes of nested map headers', repeated('df 01 ff ff ff', 12)],
  ['6 KB of nested array headers', repeated('dd 01 ff ff ff', 1_200)],
  ['64 KB of nested array headers', repeated('dd ff ff ff ff', 13_000)],
  ['64 KB of arrays of one', repeated('91', 64_000)],
  ['64 KB of maps of one', repeated('81 a0', 32_000)],
  ['a text of 2^32 - 1 bytes', hex('db ff ff ff ff 41')],
  ['a binary of 2^32 - 1 bytes', hex('c6 ff ff ff ff 41')],
  ['an extension of 2^32 - 1 bytes', hex('c9 ff ff ff ff 72 41')],
  ['a record definition', hex('d4 72 40 93 a1 61 a1 62 a1 63 01 02 03')],
  ['a record in a short extension', hex('c7 03 72 01 02 03')],
  ['the byte that stands for nothing', hex('c1')],
  ['nothing', Buffer.alloc(0)],
];

function repeated(text: string, count: number): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => hex(text)));
}
