import { Unpackr } from 'msgpackr';
import { z } from 'zod';

/** Answer to `open`; see PROTOCOL.md. */
export interface OpenedMessage {
  readonly T: 'opened';
  readonly accepted: number;
  readonly committed: number;
  readonly maxFrameBytes: number;
  readonly maxTicks: number;
  readonly windowFrames: number;
  readonly windowTicks: number;
}

export interface ErrorMessage {
  readonly T: 'error';
  readonly code: number;
  readonly msg: string;
  readonly seq?: number | undefined;
  readonly rejected?: ReadonlyArray<readonly [index: number, reason: string]> | undefined;
}

/** A message of the gateway to a numbered feed. */
export type FeedMessage =
  | OpenedMessage
  | ErrorMessage
  | { readonly T: 'success'; readonly msg: string }
  | { readonly T: 'ack'; readonly seq: number }
  | { readonly T: 'committed'; readonly seq: number }
  | { readonly T: 'reopen'; readonly reason: string }
  | { readonly T: 'window'; readonly frames: number; readonly ticks: number }
  | { readonly T: 'shutdown'; readonly reconnectAfterMs: number };

const whole = z.number().int().nonnegative();
const known: z.ZodType<FeedMessage> = z.discriminatedUnion('T', [
  z.object({ T: z.literal('success'), msg: z.string() }),
  z.object({
    T: z.literal('error'),
    code: z.number(),
    msg: z.string(),
    seq: whole.optional(),
    rejected: z.array(z.tuple([z.number(), z.string()])).optional(),
  }),
  z.object({
    T: z.literal('opened'),
    accepted: whole,
    committed: whole,
    maxFrameBytes: whole,
    maxTicks: whole,
    windowFrames: whole,
    windowTicks: whole,
  }),
  z.object({ T: z.literal('ack'), seq: whole }),
  z.object({ T: z.literal('committed'), seq: whole }),
  z.object({ T: z.literal('reopen'), reason: z.string() }),
  z.object({ T: z.literal('window'), frames: whole, ticks: whole }),
  z.object({ T: z.literal('shutdown'), reconnectAfterMs: z.number().nonnegative() }),
]);

const codec = new Unpackr({ useRecords: false, int64AsType: 'number' });

/** The messages of one WebSocket message. Types that are not known are passed over, as the protocol allows. */
export function decodeFeedMessages(bytes: Buffer): FeedMessage[] {
  const decoded: unknown = codec.unpack(bytes);
  if (!Array.isArray(decoded)) return [];
  return decoded.flatMap((each: unknown) => {
    const parsed = known.safeParse(each);
    return parsed.success ? [parsed.data] : [];
  });
}
