/** A run of consecutive frames of one feed, to be appended to the stream in one step. */
export interface AppendRequest {
  readonly feed: string;
  readonly session: string;
  readonly writer: string;
  readonly live: boolean;
  /** Seq before the first frame, and seq of the last one. */
  readonly prev: number;
  readonly last: number;
  readonly ticks: number;
  /** See stream-entry.ts. */
  readonly entry: Buffer;
}

/**
 * Outcome of an append.
 * - `appended`, `repeat`: every frame of it is held by the buffer
 * - `full`, `refused`, `unsent`: certainly nothing was stored; the same may be sent again later
 * - `lost-state`, `lost-chain`, `session`: the feed's state is gone, certainly nothing was stored
 * - `unanswered`: it may or may not have been stored; the feed must open again
 */
export type AppendResult =
  | 'appended'
  | 'repeat'
  | 'full'
  | 'refused'
  | 'unsent'
  | 'lost-state'
  | 'lost-chain'
  | 'session'
  | 'unanswered';
