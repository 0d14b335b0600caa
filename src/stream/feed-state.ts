/**
 * A feed's state in Redis: how far the stream holds it, and which open may append. A cache: it may be lost at any time,
 * because feeds still hold every frame not committed. Readers take a `Pick<>` of it.
 */
export interface FeedState {
  /** Run id of the Redis server that the state belongs to; empty where only a nonce is written. */
  readonly run: string;
  /** Random number of one unbroken continuation of the feed; empty where the feed has no state. */
  readonly generation: string;
  /** Seq of the last frame in the stream. */
  readonly position: number;
  /** Highest seq delivered to dashboards; the field `published` in Redis. */
  readonly shownUpTo: number;
  /** The open that may append; empty after its connection ended. */
  readonly session: string;
  /** Instance that opened last, and the number of that open. */
  readonly instance: string;
  readonly attempt: number;
  /** Instance that wrote the last frame. */
  readonly writer: string;
  /** Random mark written before a renewal where there was no state; the field `seed` in Redis. */
  readonly nonce: string;
}

/** Claim of an open; see PROTOCOL.md, `open`. */
export interface OpenClaim {
  readonly session: string;
  readonly instance: string;
  readonly attempt: number;
  readonly have: number;
}
