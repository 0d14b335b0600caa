import type { CodecName } from '../../protocol/version.ts';
import { type FragmentWriter, fragmentWriter } from '../frames/fragment-writer.ts';
import type { LiveSubscriber } from '../live-subscriber.ts';
import type { BarEvent } from './minute-closer.ts';
import { passesFilter } from '../symbol-filter.ts';
import { RowList } from '../frames/row-list.ts';
import { arrayFrame } from '../frames/web-socket-frame.ts';

const MAX_BARS_A_FRAME = 256;

interface EncodedBars {
  readonly writer: FragmentWriter;
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

/** Hands out bars: each encoded once a codec, frames shared by dashboards with the same wishes. */
export class BarDelivery {
  deliver(events: readonly BarEvent[], subscribers: Iterable<LiveSubscriber>): void {
    if (events.length === 0) return;
    const encoded = new Map<CodecName, EncodedBars>();
    const framesByFilter = new Map<string, readonly Buffer[]>();
    for (const subscriber of subscribers) {
      const { codec, barKey } = subscriber;
      if (barKey === '') continue;
      const profile = `${codec} ${barKey}`;
      let frames = framesByFilter.get(profile);
      if (frames === undefined) {
        const bars = encoded.get(codec) ?? encodeBars(codec, events);
        encoded.set(codec, bars);
        frames = framesFor(subscriber, events, bars);
        framesByFilter.set(profile, frames);
      }
      for (const frame of frames) if (!subscriber.isClosed) subscriber.sendControl(frame);
    }
  }
}

function encodeBars(codec: CodecName, events: readonly BarEvent[]): EncodedBars {
  const writer = fragmentWriter(codec);
  const starts: number[] = [];
  const ends: number[] = [];
  for (const { type, bar } of events) {
    starts.push(writer.length);
    writer.bar(type, bar);
    ends.push(writer.length - writer.separatorBytes);
  }
  return { writer, starts, ends };
}

function framesFor(subscriber: LiveSubscriber, events: readonly BarEvent[], bars: EncodedBars): Buffer[] {
  const rows = new RowList();
  events.forEach(({ type, bar }, index) => {
    const filter = type === 'b' ? subscriber.bars : subscriber.updatedBars;
    if (passesFilter(filter, bar.symbol)) rows.push(index);
  });
  const frames: Buffer[] = [];
  for (let from = 0; from < rows.length; from += MAX_BARS_A_FRAME) {
    const some = rows.slice(from, Math.min(rows.length, from + MAX_BARS_A_FRAME));
    frames.push(arrayFrame(subscriber.codec, bars.writer, bars.starts, bars.ends, some, some.length).bytes);
  }
  return frames;
}
