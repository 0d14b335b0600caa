import { BadFrameError } from '../../market/bad-frame-error.ts';
import type { StreamEntry } from '../../stream/stream-entry.ts';
import type { TickColumns } from '../../market/tick-columns.ts';
import { fanoutLogger } from '../../logger.ts';
import type { LiveEntry } from './live-sequence.ts';

/** Appends the ticks that an entry shows: those of frames that were not shown before. */
export function appendLiveTicks({ entry, shownUpTo, id }: LiveEntry, columns: TickColumns): void {
  appendTicks(entry, shownUpTo, columns, id);
}

/** Appends the ticks of an entry's frames with seq > `afterSeq`. */
export function appendTicks(entry: StreamEntry, afterSeq: number, columns: TickColumns, id = ''): void {
  for (const frame of entry.frames) {
    if (frame.seq <= afterSeq || frame.count === 0) continue;
    try {
      columns.appendRows(frame.rows, 0, frame.rows.length);
    } catch (error) {
      if (!(error instanceof BadFrameError)) throw error;
      fanoutLogger.error({ id, feed: entry.feed, reason: error.message }, 'ticks of an entry cannot be read');
    }
  }
}
