/**
 * Why a feed is asked to open again. The code is for machines (label of `tickgate_reopens_total`, logs), the sentence
 * for people: it is the `reason` of the wire's `reopen`, and clients do not decide by it.
 */
export const REOPEN_SENTENCES = {
  state_lost: 'the buffer lost the feed',
  chain_broken: 'the buffer lost frames',
  unanswered: 'the buffer did not answer',
  stale_generation: 'the feed was renewed under another generation',
  frame_missing: 'a frame is missing',
} as const;

export type ReopenReason = keyof typeof REOPEN_SENTENCES;
