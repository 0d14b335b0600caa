import { BadFrameError } from '../market/bad-frame-error.ts';
import type { TickColumns } from '../market/tick-columns.ts';
import type { StreamEntry } from './stream-entry.ts';

/**
 * Decodes the ticks of an entry's frames with seq > `afterSeq` into columns.
 * @param onUnreadable a frame whose rows this program did not write; the others are taken
 */
export function appendEntryTicks(
  entry: StreamEntry,
  afterSeq: number,
  columns: TickColumns,
  onUnreadable: (error: BadFrameError) => void,
): void {
  for (const frame of entry.frames) {
    if (frame.seq <= afterSeq || frame.count === 0) continue;
    try {
      columns.appendRows(frame.rows, 0, frame.rows.length);
    } catch (error) {
      if (!(error instanceof BadFrameError)) throw error;
      onUnreadable(error);
    }
  }
}
