import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { FeedClient } from '../../clients/feed/feed-client.ts';
import { frameContent } from './feed-content.ts';
import { RegeneratingJournal } from './regenerating-journal.ts';

/**
 * A process that publishes feeds, for the fault tests to kill: `feed-child.ts JSON`. It writes its progress to its
 * journals before it sends, and tells its parent what it was told.
 */
export interface FeedChildOptions {
  readonly url: string;
  readonly token?: string | undefined;
  readonly feeds: ReadonlyArray<{ readonly name: string; readonly instance: string; readonly journal: string }>;
  readonly ticksAFrame: number;
  /** Of each feed. */
  readonly ticksASecond: number;
  /** Committed frames that a journal still supplies after its process died. */
  readonly graceFrames: number;
  /** How long a living process keeps committed frames. */
  readonly graceMs: number;
}

const Options = z.object({
  url: z.string(),
  token: z.string().optional(),
  feeds: z.array(z.object({ name: z.string(), instance: z.string(), journal: z.string() })),
  ticksAFrame: z.number(),
  ticksASecond: z.number(),
  graceFrames: z.number(),
  graceMs: z.number(),
});

const Command = z.object({ message: z.object({ generate: z.boolean() }) });
const PACE_MS = 10;
const RECONNECT = { firstMs: 50, maxMs: 500 };

const options: FeedChildOptions = Options.parse(JSON.parse(process.argv[2] ?? '{}'));
let generates = true;

process.on('message', (message) => (generates = Command.parse(message).message.generate));
process.on('disconnect', () => process.exit(0));

function tell(message: object): void {
  if (process.connected) process.send?.(message);
}

async function run({ name, instance, journal }: FeedChildOptions['feeds'][number]): Promise<void> {
  const { ticksAFrame, graceFrames, graceMs } = options;
  const client = new FeedClient({
    url: options.url,
    token: options.token,
    feed: name,
    graceMs,
    reconnect: RECONNECT,
    journal: new RegeneratingJournal({ feed: name, instance, file: journal, ticksAFrame, graceFrames }),
    onState: (state) => tell({ feed: name, state }),
    onCommitted: (seq) => tell({ feed: name, committed: seq }),
    // A frame that was sent twice may be told of twice.
    onRejected: () => undefined,
  });
  const framesASecond = options.ticksASecond / ticksAFrame;
  try {
    await client.opened();
    let due = client.lastSeq;
    let beforeMs = performance.now();
    for (;;) {
      const nowMs = performance.now();
      if (generates) due += ((nowMs - beforeMs) / 1_000) * framesASecond;
      beforeMs = nowMs;
      while (client.lastSeq + 1 <= due) {
        const seq = client.lastSeq + 1;
        await client.publishFrame(frameContent(name, seq, ticksAFrame), seq);
      }
      await sleep(PACE_MS);
    }
  } catch (error) {
    tell({ feed: name, refused: error instanceof Error ? error.message : String(error) });
  }
}

await Promise.all(options.feeds.map(run));
