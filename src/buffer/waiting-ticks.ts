import type { BufferKeys } from './keys.ts';
import { answerWords, runScript } from './lua-scripts.ts';
import type { RedisLink } from './redis-link.ts';

/** The buffer's backlog: ticks in it that no flush has committed. */
export interface WaitingTicks {
  readonly ticks: number;
  /** How long the oldest of them has waited, milliseconds; 0 when nothing waits. */
  readonly oldestAgeMs: number;
}

/** Measured by the clock of Redis. @throws {RedisUnavailableError} while the connection is down */
export async function readWaitingTicks(link: RedisLink, keys: BufferKeys): Promise<WaitingTicks> {
  const [ticks = 0, ageMs = 0] = answerWords(
    await runScript(link.client, 'backlog-age', [keys.stream, keys.meta], []),
  ).map(Number);
  return { ticks, oldestAgeMs: Math.max(0, ageMs) };
}
