import { MsgpackReader } from '../../src/market/msgpack-reader.ts';
import { parseIsoMicros } from '../../src/market/tick.ts';
import type { CodecName } from '../../src/protocol/version.ts';

type Fields = Record<string, string | number | undefined>;

/** Elements of one whole WebSocket frame, `t` in microseconds; checks that its header is right. */
export function openFrame(frame: Buffer, codec: CodecName): Fields[] {
  const payload = payloadOf(frame, codec);
  if (codec === 'msgpack') return openMsgpack(payload);
  const list: unknown = JSON.parse(payload.toString());
  if (!Array.isArray(list)) throw new Error('no array');
  return list.map((each: Fields) => (typeof each['t'] === 'string' ? { ...each, t: parseIsoMicros(each['t']) } : each));
}

/** The payload of a frame. @throws when its header says something else */
export function payloadOf(frame: Buffer, codec: CodecName): Buffer {
  const second = frame[1] ?? 0;
  if (frame[0] !== (codec === 'json' ? 0x81 : 0x82)) throw new Error(`a frame that begins with ${String(frame[0])}`);
  const long = second === 126 ? { length: frame.readUInt16BE(2), start: 4 } : undefined;
  const { length, start } =
    second < 126 ? { length: second, start: 2 } : (long ?? { length: Number(frame.readBigUInt64BE(2)), start: 10 });
  if (frame.length !== start + length) throw new Error(`a frame of ${frame.length} bytes that says ${length}`);
  return frame.subarray(start);
}

function openMsgpack(payload: Buffer): Fields[] {
  const reader = new MsgpackReader(payload);
  const elements: Fields[] = [];
  for (let left = reader.arrayHeader(); left > 0; left--) {
    const fields: Fields = {};
    for (let pairs = reader.mapHeader(); pairs > 0; pairs--) {
      const key = reader.text();
      fields[key] = reader.isTimestamp() ? reader.timestampMicros() : reader.scalar();
    }
    elements.push(fields);
  }
  if (!reader.atEnd) throw new Error('bytes behind the array');
  return elements;
}
