import * as assert from 'uvu/assert';
import { type PlaceBuffer, type PlaceClaim, PlaceOpener, type PlaceRows } from '../../src/ingest/place-opener.ts';
import { suite } from '../support/suite.ts';

const test = suite('place opener');

const FEED = 'egx';
const CLAIM: PlaceClaim = { session: 's', instance: 'i', attempt: 1, have: 0 };

interface World {
  /** The place in Redis. */
  place: { generation: string; position: number } | undefined;
  /** The row in PostgreSQL; `down` when it does not answer. */
  row: { generation: string; seq: number } | undefined | 'down';
  /** Called before the row is read; a restore happens here. */
  beforeRead?: () => void;
  readonly condemned: string[];
}

function openerOf(world: World): PlaceOpener {
  const buffer: PlaceBuffer = {
    open: async () => (world.place === undefined ? { outcome: 'none' } : { outcome: 'opened', ...world.place }),
    see: async () => 'tag',
    renew: async (_feed, _tag, generation, row) => {
      world.place = { generation, position: row.seq };
      return { outcome: 'opened', ...world.place };
    },
    condemn: async (_feed, generation) => {
      world.condemned.push(generation);
      if (world.place?.generation !== generation) return false;
      world.place = undefined;
      return true;
    },
  };
  const rows: PlaceRows = {
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
  return new PlaceOpener(buffer, rows);
}

test('a place goes on, and says what is durable of it', async () => {
  const world: World = {
    place: { generation: 'g1', position: 9 },
    row: { generation: 'g1', seq: 7 },
    condemned: [],
  };
  assert.equal(await openerOf(world).open(FEED, CLAIM), {
    outcome: 'opened',
    generation: 'g1',
    position: 9,
    committed: 7,
  });
});

test('a place goes on while the database is down; nothing is called durable then', async () => {
  const world: World = { place: { generation: 'g1', position: 9 }, row: 'down', condemned: [] };
  const result = await openerOf(world).open(FEED, CLAIM);
  assert.equal(result, { outcome: 'opened', generation: 'g1', position: 9, committed: 0 });
  assert.equal(world.condemned, []);
});

for (const [name, row, position] of [
  ['of another generation', { generation: 'g0', seq: 5 }, 5],
  ['gone', undefined, 0],
] as const) {
  test(`a place whose row is ${name} is given up, and the feed begins at the watermark`, async () => {
    const world: World = { place: { generation: 'g1', position: 9 }, row, condemned: [] };
    const result = await openerOf(world).open(FEED, CLAIM);
    assert.equal(world.condemned, ['g1']);
    assert.is(result.outcome, 'opened');
    if (result.outcome !== 'opened') return;
    assert.is(result.position, position);
    assert.is(result.committed, position);
    assert.ok(result.generation !== 'g1' && result.generation !== 'g0');
  });
}

test('a database restored right behind a renewal is noticed before the feed is told its place', async () => {
  let restores = 1;
  const world: World = { place: undefined, row: { generation: 'g0', seq: 8 }, condemned: [] };
  world.beforeRead = () => {
    if (restores-- > 0) world.row = { generation: 'gOld', seq: 3 };
  };
  const result = await openerOf(world).open(FEED, CLAIM);
  assert.is(world.condemned.length, 1);
  assert.is(result.outcome === 'opened' ? result.position : -1, 3);
});

test('a row that never agrees is not waited for: the feed asks again later', async () => {
  const world: World = { place: undefined, row: undefined, condemned: [] };
  world.beforeRead = () => (world.row = { generation: 'other', seq: 1 });
  assert.is((await openerOf(world).open(FEED, CLAIM)).outcome, 'not-now');
});
