import { TWO_32 } from '../../base/two-32.ts';
import type { OutgoingTick } from '../../market/last-prices.ts';
import type { MinuteBar } from '../../market/minute-bar.ts';
import { formatMicros } from '../../market/tick.ts';
import { separatorLength } from '../../protocol/array-frame.ts';
import type { CodecName } from '../../protocol/version.ts';

/** Bound here for speed, see two-32.ts. */
const HIGH_UNIT: number = TWO_32;
const INITIAL_BYTES = 1 << 16;
const TWO_64 = HIGH_UNIT * HIGH_UNIT;
/** Longest fragment: at most so many bytes are written at once. */
const MAX_FRAGMENT_BYTES = 512;

/**
 * Fragment arena: ticks, bars and positions of the live endpoint in one codec, one after the other in one growing
 * buffer, each followed by the separator of an array's elements.
 */
export interface FragmentWriter {
  readonly bytes: Buffer;
  /** Of all of `bytes`. */
  readonly view: DataView;
  readonly length: number;
  reset(): void;
  tick(type: 't' | 'last', tick: OutgoingTick): void;
  bar(type: 'b' | 'u', bar: MinuteBar): void;
  position(resumeToken: string): void;
}

export function fragmentWriter(codec: CodecName): FragmentWriter {
  return codec === 'json' ? new JsonFragments() : new MsgpackFragments();
}

/** Turnover by volume; undefined for a minute without shares. */
function averagePrice(bar: MinuteBar): number | undefined {
  return bar.volume > 0 ? bar.turnoverMillionths / 1e6 / bar.volume : undefined;
}

/** RFC 3339 times; the part up to the second is kept, since most ticks of a moment share it. */
class TimeText {
  #second = Number.NaN;
  #prefix = '';

  format(timeMicros: number): string {
    const second = Math.floor(timeMicros / 1e6);
    if (second !== this.#second) {
      this.#second = second;
      this.#prefix = formatMicros(second * 1e6).slice(0, 20);
    }
    return `${this.#prefix}${String(timeMicros - second * 1e6).padStart(6, '0')}Z`;
  }
}

class JsonFragments implements FragmentWriter {
  bytes: Buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  view: DataView = viewOf(this.bytes);
  length = 0;
  readonly #times = new TimeText();

  reset(): void {
    this.length = 0;
  }

  tick(type: 't' | 'last', { symbol, price, volume, timeMicros }: OutgoingTick): void {
    const size = volume === undefined ? '' : `,"s":${volume}`;
    this.#write(`{"T":"${type}","S":"${symbol}","p":${price}${size},"t":"${this.#times.format(timeMicros)}"}`);
  }

  bar(type: 'b' | 'u', bar: MinuteBar): void {
    const { open, high, low, close, volume, trades, minuteMicros } = bar;
    const average = averagePrice(bar);
    const vw = average === undefined ? '' : `,"vw":${average}`;
    this.#write(
      `{"T":"${type}","S":"${bar.symbol}","o":${open},"h":${high},"l":${low},"c":${close},"v":${volume},` +
        `"n":${trades}${vw},"t":"${this.#times.format(minuteMicros)}"}`,
    );
  }

  position(resumeToken: string): void {
    this.#write(`{"T":"pos","at":"${resumeToken}"}`);
  }

  #write(text: string): void {
    if (this.length + MAX_FRAGMENT_BYTES > this.bytes.length) this.#grow();
    this.length += this.bytes.write(`${text},`, this.length, 'latin1');
  }

  #grow(): void {
    this.bytes = doubled(this.bytes);
    this.view = viewOf(this.bytes);
  }
}

const KEY_T = Buffer.from([0xa1, 0x54]);
const HEAD_TRADE = Buffer.from([0xa1, 0x54, 0xa1, 0x74, 0xa1, 0x53]);
const HEAD_LAST = Buffer.from([0xa1, 0x54, 0xa4, 0x6c, 0x61, 0x73, 0x74, 0xa1, 0x53]);

class MsgpackFragments implements FragmentWriter {
  bytes: Buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  view: DataView = viewOf(this.bytes);
  length = 0;

  reset(): void {
    this.length = 0;
  }

  tick(type: 't' | 'last', { symbolBytes, price, volume, timeMicros }: OutgoingTick): void {
    this.#reserve();
    this.#byte(volume === undefined ? 0x84 : 0x85);
    this.#raw(type === 't' ? HEAD_TRADE : HEAD_LAST);
    this.#shortText(symbolBytes);
    this.#key(0x70);
    this.#double(price);
    if (volume !== undefined) {
      this.#key(0x73);
      this.#uint(volume);
    }
    this.#key(0x74);
    this.#timestamp(timeMicros);
  }

  bar(type: 'b' | 'u', bar: MinuteBar): void {
    this.#reserve();
    const average = averagePrice(bar);
    this.#byte(average === undefined ? 0x89 : 0x8a);
    this.#raw(KEY_T);
    this.#shortText(Buffer.from(type));
    this.#key(0x53);
    this.#shortText(Buffer.from(bar.symbol));
    for (const [key, value] of [
      [0x6f, bar.open],
      [0x68, bar.high],
      [0x6c, bar.low],
      [0x63, bar.close],
    ] as const) {
      this.#key(key);
      this.#double(value);
    }
    this.#key(0x76);
    this.#uint(bar.volume);
    this.#key(0x6e);
    this.#uint(bar.trades);
    if (average !== undefined) {
      this.#raw(Buffer.from([0xa2, 0x76, 0x77]));
      this.#double(average);
    }
    this.#key(0x74);
    this.#timestamp(bar.minuteMicros);
  }

  position(resumeToken: string): void {
    this.#reserve();
    this.#byte(0x82);
    this.#raw(KEY_T);
    this.#shortText(Buffer.from('pos'));
    this.#shortText(Buffer.from('at'));
    this.#shortText(Buffer.from(resumeToken));
  }

  #reserve(): void {
    if (this.length + MAX_FRAGMENT_BYTES <= this.bytes.length) return;
    this.bytes = doubled(this.bytes);
    this.view = viewOf(this.bytes);
  }

  #byte(value: number): void {
    this.bytes[this.length++] = value;
  }

  /** A key of one letter. */
  #key(letter: number): void {
    this.bytes[this.length++] = 0xa1;
    this.bytes[this.length++] = letter;
  }

  #raw(source: Buffer): void {
    for (let at = 0; at < source.length; at++) this.bytes[this.length++] = source[at] ?? 0;
  }

  #shortText(text: Buffer): void {
    if (text.length < 32) this.#byte(0xa0 | text.length);
    else {
      this.#byte(0xd9);
      this.#byte(text.length);
    }
    this.#raw(text);
  }

  #double(value: number): void {
    this.#byte(0xcb);
    this.length = this.bytes.writeDoubleBE(value, this.length);
  }

  /** An integer from 0 on; from 2^64 on as a double, as a minute's volume may be. */
  #uint(value: number): void {
    if (value < 0x80) return this.#byte(value);
    if (value >= TWO_64) return this.#double(value);
    if (value < 0x10000) {
      this.#byte(0xcd);
      this.length = this.bytes.writeUInt16BE(value, this.length);
    } else if (value < HIGH_UNIT) {
      this.#byte(0xce);
      this.length = this.bytes.writeUInt32BE(value, this.length);
    } else {
      this.#byte(0xcf);
      this.length = this.bytes.writeUInt32BE(Math.floor(value / HIGH_UNIT), this.length);
      this.length = this.bytes.writeUInt32BE(value % HIGH_UNIT, this.length);
    }
  }

  /** Extension type −1 in its 8-byte form: nanoseconds in the upper 30 bits, seconds in the lower 34. */
  #timestamp(timeMicros: number): void {
    const seconds = Math.floor(timeMicros / 1e6);
    const nanoseconds = (timeMicros - seconds * 1e6) * 1_000;
    this.#byte(0xd7);
    this.#byte(0xff);
    const secondsHigh = Math.floor(seconds / HIGH_UNIT);
    this.length = this.bytes.writeUInt32BE(nanoseconds * 4 + secondsHigh, this.length);
    this.length = this.bytes.writeUInt32BE(seconds % HIGH_UNIT, this.length);
  }
}

function doubled(bytes: Buffer): Buffer {
  const larger = Buffer.allocUnsafe(bytes.length * 2);
  bytes.copy(larger);
  return larger;
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length);
}

const WRITERS = { json: fragmentWriter('json'), msgpack: fragmentWriter('msgpack') };

/** `{T:"pos", at}` as an element of an array. */
export function positionElement(codec: CodecName, resumeToken: string): Buffer {
  const writer = WRITERS[codec];
  writer.reset();
  writer.position(resumeToken);
  return Buffer.from(writer.bytes.subarray(0, writer.length - separatorLength(codec)));
}
