import type { IngestObserver } from '../../src/ingest/feed-ports.ts';
import type { ReopenReason } from '../../src/ingest/reopen-reason.ts';

/** Keeps what ingest counts. */
export class FakeObserver implements IngestObserver {
  readonly accepted: Array<readonly [ticks: number, frames: number]> = [];
  readonly rejected: string[] = [];
  readonly reopens: ReopenReason[] = [];

  onAccepted(ticks: number, frames: number): void {
    this.accepted.push([ticks, frames]);
  }

  onRejected(reason: string): void {
    this.rejected.push(reason);
  }

  onReopen(reason: ReopenReason): void {
    this.reopens.push(reason);
  }
}
