import type { FeedFrame } from './feed-frame.ts';

/** Port of a journal: keeps the frames that the client took responsibility for, beyond the process's death. */
export interface FeedJournal {
  /** Names the journal towards the gateway, whichever process uses it. */
  readonly instance: string;
  /** Highest attempt ever used. */
  readonly attempt: number;
  /** Highest seq known durable. */
  readonly committedSeq: number;
  /** Frames kept, oldest first, committed ones within their grace among them. */
  frames(): Iterable<FeedFrame>;
  keepAttempt(attempt: number): void;
  append(frame: FeedFrame): void;
  /** Everything up to `seq` is durable at the gateway and may be let go. */
  committed(seq: number): void;
  close(): Promise<void>;
}
