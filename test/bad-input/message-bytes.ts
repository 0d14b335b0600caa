import { Packr } from 'msgpackr';

const packr = new Packr({ useRecords: false, variableMapSize: true, largeBigIntToFloat: false });

/** Plain msgpack, as any feed sends it. */
export function packed(message: unknown): Buffer {
  return Buffer.from(packr.pack(message));
}

/** Bytes written as hexadecimal, spaces where one likes. */
export function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
}

/** A short msgpack text. */
export function shortText(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([0xa0 | bytes.length]), bytes]);
}

/** A msgpack map of raw pairs; keys that are texts are packed. */
export function rawMap(pairs: ReadonlyArray<readonly [key: string | Buffer, value: Buffer]>): Buffer {
  const parts = pairs.flatMap(([key, value]) => [typeof key === 'string' ? shortText(key) : key, value]);
  return Buffer.concat([Buffer.from([0x80 | pairs.length]), ...parts]);
}

/** A publish message with raw bytes in the place of its ticks. */
export function publishWith(ticks: Buffer, seq = 1, prev = 0): Buffer {
  return rawMap([
    ['action', shortText('publish')],
    ['seq', packed(seq)],
    ['prev', packed(prev)],
    ['ticks', ticks],
  ]);
}

/** A publish message of one tick of raw values. */
export function tickWith(symbol: Buffer, price: Buffer, volume: Buffer, time: Buffer): Buffer {
  return publishWith(Buffer.concat([Buffer.from([0x91, 0x94]), symbol, price, volume, time]));
}
