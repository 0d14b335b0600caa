import type { Redis } from 'ioredis';
import type { FeedState } from '../stream/feed-state.ts';
import type { BufferKeys } from './keys.ts';
import { runScript } from './lua-scripts.ts';

/** The part of a feed's state that reconciliation and the divergence check read. */
export type FeedStateView = Pick<FeedState, 'run' | 'generation' | 'position' | 'session' | 'instance' | 'writer'>;

/** States of feeds, in the order asked; undefined where a feed has none. */
export async function readFeedStates(
  client: Redis,
  keys: BufferKeys,
  feeds: readonly string[],
): Promise<Array<FeedStateView | undefined>> {
  return Promise.all(
    feeds.map(async (feed) => {
      const [run, generation, position, session, instance, writer] = await client.hmget(
        keys.state(feed),
        'run',
        'generation',
        'position',
        'session',
        'instance',
        'writer',
      );
      if (run == null || generation == null) return undefined;
      return {
        run,
        generation,
        position: Number(position),
        session: session ?? '',
        instance: instance ?? '',
        writer: writer ?? '',
      };
    }),
  );
}

/** Invalidates a feed's state, if it is still of this run and generation. @returns whether it was */
export async function invalidateFeed(
  client: Redis,
  keys: BufferKeys,
  feed: string,
  run: string,
  generation: string,
): Promise<boolean> {
  const answer = await runScript(client, 'invalidate', [keys.state(feed), keys.feeds], [run, generation, feed]);
  return Number(answer) === 1;
}

/** Ticks in the buffer that no flush has handled, from the running totals that entries carry. */
export async function readPendingTicks(client: Redis, keys: BufferKeys): Promise<number> {
  const [streamExists, meta] = await Promise.all([
    client.exists(keys.stream),
    client.hmget(keys.meta, 'total', 'handled'),
  ]);
  if (streamExists === 0) return 0;
  return Math.max(0, Number(meta[0] ?? 0) - Number(meta[1] ?? 0));
}
