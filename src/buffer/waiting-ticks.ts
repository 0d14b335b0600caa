import type { BufferKeys } from './keys.ts';
import { answerWords, runScript } from './lua-scripts.ts';
import type { RedisLink } from './redis-link.ts';

/** What is in the buffer and not yet committed. */
export interface WaitingTicks {
  readonly ticks: number;
  /** Since when the oldest of them waits; 0 when nothing does. */
  readonly oldestAgeMs: number;
}

/** Measured by the clock of Redis. @throws {RedisUnavailableError} while the connection is down */
export async function readWaitingTicks(link: RedisLink, keys: BufferKeys): Promise<WaitingTicks> {
  const [ticks = 0, ageMs = 0] = answerWords(
    await runScript(link.client, 'backlog-age', [keys.stream, keys.meta], []),
  ).map(Number);
  return { ticks, oldestAgeMs: Math.max(0, ageMs) };
}
