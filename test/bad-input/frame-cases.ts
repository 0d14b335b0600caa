import { closePayload, frameBytes, OPCODE } from './frame-bytes.ts';
import { packed } from './message-bytes.ts';

/** Bytes after the upgrade, and the close code that they must bring. */
export interface FrameCase {
  readonly id: string;
  readonly name: string;
  /** Written one after the other, each as a TCP segment of its own as far as the kernel lets it. */
  readonly writes: readonly Uint8Array[];
  readonly codec?: 'json';
  /** `cut`: ended without a close frame. `open`: nothing happens. */
  readonly expected: number | 'cut' | 'open';
  readonly error?: number;
}

const { continuation, text, binary, close, ping, pong } = OPCODE;
const whole = packed({ action: 'open', feed: 'egx-frames' });
const KIB = 1_024;

const reservedOpcodes = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode): FrameCase => ({
  id: 'W3',
  name: `opcode ${opcode}`,
  writes: [frameBytes({ opcode })],
  expected: 1002,
}));

/** A message in pieces. */
function fragments(count: number, payload: Uint8Array = new Uint8Array()): Uint8Array[] {
  return Array.from({ length: count }, (_, at) =>
    frameBytes({ opcode: at === 0 ? binary : continuation, fin: at === count - 1, payload }),
  );
}

export const FRAME_CASES: readonly FrameCase[] = [
  { id: 'W0', name: 'nothing', writes: [], expected: 'open' },
  { id: 'W1', name: 'an unmasked frame', writes: [frameBytes({ masked: false, payload: whole })], expected: 1002 },
  { id: 'W2', name: 'RSV1 without compression', writes: [frameBytes({ rsv: 4, payload: whole })], expected: 1002 },
  { id: 'W2', name: 'RSV2', writes: [frameBytes({ rsv: 2, payload: whole })], expected: 1002 },
  { id: 'W2', name: 'RSV3', writes: [frameBytes({ rsv: 1, payload: whole })], expected: 1002 },
  ...reservedOpcodes,
  { id: 'W4', name: 'a continuation of nothing', writes: [frameBytes({ opcode: continuation })], expected: 1002 },
  {
    id: 'W4',
    name: 'a new message inside another',
    writes: [frameBytes({ fin: false, payload: whole }), frameBytes({ payload: whole })],
    expected: 1002,
  },
  {
    id: 'W5',
    name: 'a ping of 126 bytes',
    writes: [frameBytes({ opcode: ping, payload: Buffer.alloc(126) })],
    expected: 1002,
  },
  { id: 'W5', name: 'a ping in fragments', writes: [frameBytes({ opcode: ping, fin: false })], expected: 1002 },
  {
    id: 'W5',
    name: 'a ping of 125 bytes',
    writes: [frameBytes({ opcode: ping, payload: Buffer.alloc(125) })],
    expected: 'open',
  },
  {
    id: 'W6',
    name: 'a close of 1 byte',
    writes: [frameBytes({ opcode: close, payload: Buffer.from([3]) })],
    expected: 1002,
  },
  { id: 'W6', name: 'close 999', writes: [frameBytes({ opcode: close, payload: closePayload(999) })], expected: 1002 },
  {
    id: 'W6',
    name: 'close 1005',
    writes: [frameBytes({ opcode: close, payload: closePayload(1005) })],
    expected: 1002,
  },
  {
    id: 'W6',
    name: 'a close whose reason is no UTF-8',
    writes: [frameBytes({ opcode: close, payload: closePayload(1000, Buffer.from([0xc3, 0x28])) })],
    expected: 1007,
  },
  {
    id: 'W6',
    name: 'close 1000 is echoed',
    writes: [frameBytes({ opcode: close, payload: closePayload(1000) })],
    expected: 1000,
  },
  { id: 'W6', name: 'an empty close', writes: [frameBytes({ opcode: close })], expected: 1005 },
  { id: 'W7', name: 'a claim of a byte too many', writes: [frameBytes({ claims: 262_145n })], expected: 1009 },
  { id: 'W7', name: 'a claim of 2^40', writes: [frameBytes({ claims: 1n << 40n })], expected: 1009 },
  { id: 'W7', name: 'a claim of 2^53', writes: [frameBytes({ claims: 1n << 53n })], expected: 1009 },
  { id: 'W7', name: 'a claim of 2^63', writes: [frameBytes({ claims: 1n << 63n })], expected: 1009 },
  { id: 'W7', name: 'a claim of 2^64 - 1', writes: [frameBytes({ claims: (1n << 64n) - 1n })], expected: 1009 },
  {
    id: 'W7',
    name: 'fragments that are too large together',
    writes: fragments(5, Buffer.alloc(60 * KIB)),
    expected: 1009,
  },
  { id: 'W8', name: '17 fragments', writes: fragments(17, Buffer.from([0])), expected: 1008 },
  { id: 'W8', name: '17 empty fragments', writes: fragments(17), expected: 1008 },
  {
    id: 'W8',
    name: '16 fragments',
    writes: [...fragments(15).slice(0, 14), frameBytes({ opcode: continuation, payload: Buffer.from([0xc1]) })],
    expected: 4501,
    error: 400,
  },
  {
    id: 'W11',
    name: 'text where msgpack was agreed',
    writes: [frameBytes({ opcode: text, payload: Buffer.from('{}') })],
    expected: 1003,
  },
  {
    id: 'W11',
    name: 'binary where JSON was agreed',
    writes: [frameBytes({ payload: whole })],
    codec: 'json',
    expected: 1003,
  },
  {
    id: 'W12',
    name: 'text that is no UTF-8',
    writes: [frameBytes({ opcode: text, payload: Buffer.from([0xff, 0xfe]) })],
    codec: 'json',
    expected: 1007,
  },
  {
    id: 'W12',
    name: 'UTF-8 of a lone surrogate',
    writes: [frameBytes({ opcode: text, payload: Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]) })],
    codec: 'json',
    expected: 1007,
  },
  { id: 'W13', name: 'an empty binary message', writes: [frameBytes()], expected: 4501, error: 400 },
  {
    id: 'W13',
    name: 'an empty text message',
    writes: [frameBytes({ opcode: text })],
    codec: 'json',
    expected: 4501,
    error: 400,
  },
  {
    id: 'W14',
    name: '10,000 pings at once',
    writes: [Buffer.concat(Array.from({ length: 10_000 }, () => frameBytes({ opcode: ping })))],
    expected: 'cut',
  },
  { id: 'W15', name: 'a pong that nobody asked for', writes: [frameBytes({ opcode: pong })], expected: 'open' },
  {
    id: 'W15',
    name: '10,000 pongs',
    writes: [Buffer.concat(Array.from({ length: 10_000 }, () => frameBytes({ opcode: pong })))],
    expected: 4029,
  },
  {
    id: 'W17',
    name: 'messages after a close',
    writes: [
      frameBytes({ opcode: close, payload: closePayload(1000) }),
      frameBytes({ payload: packed({ action: 'nonsense' }) }),
    ],
    expected: 1000,
  },
  {
    id: 'W22',
    name: 'a length longer than it need be',
    writes: [frameBytes({ lengthBits: 64, payload: packed({ action: 'nonsense' }) })],
    expected: 4501,
    error: 400,
  },
];
