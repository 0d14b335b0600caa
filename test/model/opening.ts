import type { OpenClaim } from '../../src/stream/feed-state.ts';
import { ask, type Call, ServiceFailure } from './model-call.ts';
import type { World } from './world.ts';

export type Opening =
  | {
      readonly outcome: 'opened';
      readonly generation: string;
      readonly position: number;
      readonly committed: number;
      /** History of the database in which `committed` was read. */
      readonly restores: number;
    }
  | { readonly outcome: 'late' | 'taken' | 'spaced' | 'not-now' };

const MAX_ROUNDS = 5;

/** `ingest/feed-opener.ts`, step by step: open, or see → UPDATE → renew. */
export function* openFeedOf(world: World, feed: string, claim: OpenClaim): Generator<Call<unknown>, Opening, void> {
  const { redis, database, rules } = world;
  try {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const { outcome, state } = yield* ask('redis', 'open', () => redis.open(feed, claim));
      if (outcome === 'opened' && state !== undefined) {
        const { generation, position } = state;
        const durable = yield* readCommitted(world, feed, generation, position);
        if (!durable.isDead || !rules.givesUpDeadStates) return { outcome, generation, position, ...durable };
        yield* ask('redis', 'invalidate', () => redis.invalidate(feed, state.run, generation));
        continue;
      }
      if (outcome !== 'none') return { outcome: outcome === 'opened' ? 'not-now' : outcome };
      const fingerprint = yield* ask('redis', 'prepareRenewal', () => redis.prepareRenewal(feed));
      if (fingerprint === undefined) continue;
      const generation = world.newMark('generation');
      const row = yield* ask(
        'database',
        'renew',
        () => database.renew(feed, generation),
        () => !database.isLockedForOthers([feed], undefined),
      );
      const renewed = yield* ask('redis', 'renew', () => redis.renew(feed, fingerprint, generation, row, claim));
      if (renewed.outcome === 'changed') continue;
      if (renewed.outcome !== 'opened') return { outcome: renewed.outcome };
      const durable = yield* readCommitted(world, feed, generation, row.seq);
      if (!durable.isDead || !rules.givesUpDeadStates)
        return { outcome: 'opened', generation, position: row.seq, ...durable };
      const { run } = renewed.state ?? { run: '' };
      yield* ask('redis', 'invalidate', () => redis.invalidate(feed, run, generation));
    }
  } catch (error) {
    if (!(error instanceof ServiceFailure)) throw error;
  }
  return { outcome: 'not-now' };
}

/** Seq that is durable of a state that goes on; 0 where the database does not say. */
function* readCommitted(
  world: World,
  feed: string,
  generation: string,
  position: number,
): Generator<Call<unknown>, { readonly committed: number; readonly restores: number; readonly isDead: boolean }, void> {
  const { database } = world;
  try {
    const { row, restores } = yield* ask('database', 'read row', () => ({
      row: database.rows.get(feed),
      restores: database.restores,
    }));
    if (row?.generation === generation) return { committed: Math.min(row.seq, position), restores, isDead: false };
    return { committed: 0, restores, isDead: true };
  } catch (error) {
    if (!(error instanceof ServiceFailure)) throw error;
  }
  return { committed: 0, restores: 0, isDead: false };
}
