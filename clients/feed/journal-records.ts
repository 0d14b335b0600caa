import { encodeSkip, type FeedFrame, keptFrame } from './feed-frame.ts';

/** Types of a journal's records. */
export const RecordType = { instance: 1, attempt: 2, frame: 3, committed: 4 } as const;

const FRAME_HEADER_BYTES = 8 + 8 + 4 + 1;

/** A frame as a record: seq and prev as doubles (exact to 2^53), ticks, skip, then the message as it is sent. */
export function encodeFrameRecord(frame: FeedFrame): Buffer {
  const record = Buffer.allocUnsafe(FRAME_HEADER_BYTES + frame.message.length);
  record.writeDoubleLE(frame.seq, 0);
  record.writeDoubleLE(frame.prev, 8);
  record.writeUInt32LE(frame.ticks, 16);
  record[20] = frame.skip ? 1 : 0;
  frame.message.copy(record, FRAME_HEADER_BYTES);
  return record;
}

export function decodeFrameRecord(record: Buffer): FeedFrame {
  const [seq, prev] = [record.readDoubleLE(0), record.readDoubleLE(8)];
  if (record[20] === 1) return encodeSkip(prev, seq);
  return keptFrame(seq, prev, record.readUInt32LE(16), record.subarray(FRAME_HEADER_BYTES));
}
