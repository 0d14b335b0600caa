import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { clientFrame, FrameReader, Opcode, UnreadableFrameError } from '../../../clients/load/frame-reader.ts';
import { webSocketFrame } from '../../../src/protocol/array-frame.ts';
import { suite } from '../../support/suite.ts';

const test = suite('load test: frames off the wire');

const someLength = fc.oneof(fc.nat(130), fc.constantFrom(125, 126, 127, 65_535, 65_536), fc.nat(70_000));

test('frames of any length, cut anywhere, come whole and in order', () => {
  fc.assert(
    fc.property(
      fc.array(someLength, { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 30_000 })),
      (lengths, cuts) => {
        const payloads = lengths.map((length, at) => Buffer.alloc(length, at + 1));
        const stream = Buffer.concat(payloads.map((payload) => webSocketFrame(payload, 'msgpack')));
        const reader = new FrameReader();
        const read: Buffer[] = [];
        // One memory for all reads, as the socket has it: what is kept must have been copied.
        const memory = Buffer.alloc(stream.length);
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const size = Math.min(cuts[turn % Math.max(1, cuts.length)] ?? stream.length, stream.length - at);
          stream.copy(memory, 0, at, at + size);
          reader.read(memory.subarray(0, size), (opcode, payload) => {
            assert.is(opcode, Opcode.binary);
            read.push(Buffer.from(payload));
          });
          memory.fill(0xff);
          at += size;
        }
        assert.equal(read, payloads);
      },
    ),
    { numRuns: 150 },
  );
});

for (const [name, bytes] of [
  ['a first fragment', [0x02, 0x01, 0x00]],
  ['a compressed frame', [0xc2, 0x01, 0x00]],
  ['a masked frame', [0x82, 0x81, 0, 0, 0, 0, 0]],
  ['a frame of 2^40 bytes', [0x82, 127, 0, 0, 1, 0, 0, 0, 0, 0]],
] as const) {
  test(`${name} is refused`, () => {
    assert.throws(
      () => new FrameReader().read(Buffer.from(bytes), () => undefined),
      (error: unknown) => error instanceof UnreadableFrameError,
    );
  });
}

test('a client’s frame is masked, at every length of its header', () => {
  for (const length of [0, 5, 125, 126, 65_535, 65_536]) {
    const payload = Buffer.alloc(length, 0x41);
    const frame = clientFrame(Opcode.text, payload, Buffer.from([1, 2, 3, 4]));
    const header = length < 126 ? 2 : length < 65_536 ? 4 : 10;
    assert.is(frame.length, header + 4 + length);
    assert.is(frame[0], 0x81);
    assert.ok(((frame[1] ?? 0) & 0x80) !== 0);
    const body = frame.subarray(header + 4).map((byte, at) => byte ^ ((at & 3) + 1));
    assert.ok(body.every((byte) => byte === 0x41));
  }
});
