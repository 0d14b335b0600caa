import { separatorLength } from '../../protocol/array-frame.ts';
import type { CodecName } from '../../protocol/version.ts';
import { fragmentWriter } from './fragment-writer.ts';

const WRITERS = { json: fragmentWriter('json'), msgpack: fragmentWriter('msgpack') };

/** `{T:"pos", at}` as an element of an array. */
export function positionElement(codec: CodecName, resumeToken: string): Buffer {
  const writer = WRITERS[codec];
  writer.reset();
  writer.position(resumeToken);
  return Buffer.from(writer.bytes.subarray(0, writer.length - separatorLength(codec)));
}
