import * as assert from 'uvu/assert';
import { FeedOpener, type OpenerBuffer, type OpenerRows } from '../../src/ingest/feed-opener.ts';
import type { OpenClaim } from '../../src/stream/feed-state.ts';
import { suite } from '../support/suite.ts';

const test = suite('feed opener');

const FEED = 'egx';
const CLAIM: OpenClaim = { session: 's', instance: 'i', attempt: 1, have: 0 };

interface World {
  /** The feed's state in Redis. */
  state: { generation: string; position: number } | undefined;
  /** The row in PostgreSQL; `down` when it does not answer. */
  row: { generation: string; seq: number } | undefined | 'down';
  /** Called before the row is read; a restore happens here. */
  beforeRead?: () => void;
  readonly invalidated: string[];
}

function openerOf(world: World): FeedOpener {
  const buffer: OpenerBuffer = {
    open: async () => (world.state === undefined ? { outcome: 'none' } : { outcome: 'opened', ...world.state }),
    prepareRenewal: async () => 'tag',
    renew: async (_feed, _tag, generation, row) => {
      world.state = { generation, position: row.seq };
      return { outcome: 'opened', ...world.state };
    },
    invalidate: async (_feed, generation) => {
      world.invalidated.push(generation);
      if (world.state?.generation !== generation) return false;
      world.state = undefined;
      return true;
    },
  };
  const rows: OpenerRows = {
    renew: async (_feed, generation) => {
      const seq = world.row === undefined || world.row === 'down' ? 0 : world.row.seq;
      world.row = { generation, seq };
      return { seq, writer: '' };
    },
    read: async () => {
      world.beforeRead?.();
      if (world.row === 'down') throw new Error('connection refused');
      return new Map(world.row === undefined ? [] : [[FEED, world.row]]);
    },
  };
  return new FeedOpener(buffer, rows);
}

test('a state goes on, and says what is durable of it', async () => {
  const world: World = {
    state: { generation: 'g1', position: 9 },
    row: { generation: 'g1', seq: 7 },
    invalidated: [],
  };
  assert.equal(await openerOf(world).open(FEED, CLAIM), {
    outcome: 'opened',
    generation: 'g1',
    position: 9,
    committed: 7,
  });
});

test('a state goes on while the database is down; nothing is called durable then', async () => {
  const world: World = { state: { generation: 'g1', position: 9 }, row: 'down', invalidated: [] };
  const result = await openerOf(world).open(FEED, CLAIM);
  assert.equal(result, { outcome: 'opened', generation: 'g1', position: 9, committed: 0 });
  assert.equal(world.invalidated, []);
});

for (const [name, row, position] of [
  ['of another generation', { generation: 'g0', seq: 5 }, 5],
  ['gone', undefined, 0],
] as const) {
  test(`a state whose row is ${name} is invalidated, and the feed begins at the watermark`, async () => {
    const world: World = { state: { generation: 'g1', position: 9 }, row, invalidated: [] };
    const result = await openerOf(world).open(FEED, CLAIM);
    assert.equal(world.invalidated, ['g1']);
    assert.is(result.outcome, 'opened');
    if (result.outcome !== 'opened') return;
    assert.is(result.position, position);
    assert.is(result.committed, position);
    assert.ok(result.generation !== 'g1' && result.generation !== 'g0');
  });
}

test('a database restored right behind a renewal is noticed before the feed is told its position', async () => {
  let restores = 1;
  const world: World = { state: undefined, row: { generation: 'g0', seq: 8 }, invalidated: [] };
  world.beforeRead = () => {
    if (restores-- > 0) world.row = { generation: 'gOld', seq: 3 };
  };
  const result = await openerOf(world).open(FEED, CLAIM);
  assert.is(world.invalidated.length, 1);
  assert.is(result.outcome === 'opened' ? result.position : -1, 3);
});

test('a row that never agrees is not waited for: the feed asks again later', async () => {
  const world: World = { state: undefined, row: undefined, invalidated: [] };
  world.beforeRead = () => (world.row = { generation: 'other', seq: 1 });
  assert.is((await openerOf(world).open(FEED, CLAIM)).outcome, 'not-now');
});
