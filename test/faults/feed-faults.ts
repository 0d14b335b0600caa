import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import type { ServiceFault } from './fault.ts';
import { frameTicks } from './feed-content.ts';
import { RAW_TICKS_A_FRAME, RawFeed } from './raw-feed.ts';
import { sql, type Stage, until } from './stage.ts';

let names = 0;

/** A feed of its own for one fault: it may be ended for good without hurting the others. */
function freshFeed(): string {
  names += 1;
  return `x${process.pid}.${names}`;
}

async function watermark(stage: Stage, feed: string): Promise<number> {
  const rows = await sql<{ seq: string }>(stage, `SELECT seq FROM ${stage.prefix}_feed_watermarks WHERE feed = $1`, [
    feed,
  ]);
  return Number(rows[0]?.seq ?? 0);
}

async function storedPrices(stage: Stage, feed: string, seq: number): Promise<number[]> {
  const rows = await sql<{ price: number }>(
    stage,
    `SELECT price FROM ${stage.prefix}_ticks WHERE symbol LIKE $1 AND volume / 10000 = $2`,
    [`${feed}=%`, seq],
  );
  return rows.map((row) => row.price);
}

/** Feeds that die, or do what a right feed never does. */
export const FEED_FAULTS: readonly ServiceFault[] = [
  {
    name: 'feeds are killed and go on from their journals',
    where: 'feed, at any point',
    hurts: ['feeds'],
    weight: 2,
    needs: 'services',
    inject: async ({ fleet }, { random }) => {
      await fleet.restart(Math.floor(random.fraction() * fleet.members.length));
    },
  },
  {
    name: 'feeds are killed and their journals lost',
    where: 'feed, at any point',
    checked: 'what they had told accepted stays, stored once',
    hurts: ['feeds'],
    // With the buffer lost at the same time, frames would have to be declared missing.
    onlyAlone: true,
    needs: 'services',
    inject: async ({ fleet }) => {
      await fleet.restartWithoutJournals(1);
      await until('the new instances are opened', 20_000, () =>
        (fleet.members[1]?.feeds ?? []).every((feed) => fleet.progress(feed).last > 0),
      );
    },
  },
  {
    name: 'a second program takes over the name of a feed',
    where: 'two feeds of one name',
    checked: 'the first is told 423 for good when it comes back, and they do not take turns',
    hurts: [],
    needs: 'services',
    inject: async (stage) => {
      const feed = freshFeed();
      await using first = await RawFeed.connect(stage.feedLink.port, feed);
      await first.open('first', 1);
      first.publish(1);
      await first.answer('ack', ({ seq }) => seq === 1);
      await using second = await RawFeed.connect(stage.feedLink.port, feed);
      assert.is(await second.open('second', 1), 1);
      second.publish(2);
      await second.answer('ack', ({ seq }) => seq === 2);
      first.publish(2);
      assert.is(await first.closed(), 4023);
      await using again = await RawFeed.connect(stage.feedLink.port, feed);
      again.send({ action: 'open', feed, instance: 'first', attempt: 2, have: 1 });
      await again.answer('error', ({ code }) => code === 423);
      assert.is(await again.closed(), 4503);
      second.publish(3);
      await until('the second goes on', 20_000, async () => (await watermark(stage, feed)) === 3);
      for (const seq of [1, 2, 3])
        assert.is((await storedPrices(stage, feed, seq)).length, frameTicks(seq, RAW_TICKS_A_FRAME));
    },
  },
  {
    name: 'a feed sends other ticks under numbers already used',
    where: 'feed, restarted counter',
    checked: '421 and the final close; the first ticks stay',
    hurts: [],
    needs: 'services',
    inject: async (stage) => {
      const feed = freshFeed();
      await using first = await RawFeed.connect(stage.feedLink.port, feed);
      await first.open('counter', 1);
      first.publish(1);
      first.publish(2);
      await until('it is stored', 20_000, async () => (await watermark(stage, feed)) === 2);
      const before = await storedPrices(stage, feed, 1);
      await using second = await RawFeed.connect(stage.feedLink.port, feed);
      assert.is(await second.open('counter', 2, 2), 2);
      second.publish(1, 1);
      await second.answer('error', ({ code }) => code === 421);
      assert.is(await second.closed(), 4521);
      await sleep(300);
      assert.equal(await storedPrices(stage, feed, 1), before);
    },
  },
  {
    name: 'a feed leaves out a number',
    where: 'feed',
    checked: 'it is told to open again, and goes on behind what is held',
    hurts: [],
    needs: 'services',
    inject: async (stage) => {
      const feed = freshFeed();
      await using raw = await RawFeed.connect(stage.feedLink.port, feed);
      await raw.open('leaves-out', 1);
      raw.publish(1);
      raw.publish(3);
      raw.publish(4);
      await raw.answer('reopen');
      const accepted = await raw.open('leaves-out', 2);
      assert.ok(accepted <= 1);
      for (let seq = accepted + 1; seq <= 4; seq++) raw.publish(seq);
      await until('all four are stored', 20_000, async () => (await watermark(stage, feed)) === 4);
    },
  },
  {
    name: 'an open of a dead connection arrives late',
    where: 'feed, two connections',
    checked: 'the late one is refused, the newer one goes on undisturbed',
    hurts: [],
    needs: 'services',
    inject: async (stage) => {
      const feed = freshFeed();
      await using dead = await RawFeed.connect(stage.feedLink.port, feed);
      await using alive = await RawFeed.connect(stage.feedLink.port, feed);
      await alive.open('late', 3);
      alive.publish(1);
      await alive.answer('ack', ({ seq }) => seq === 1);
      dead.send({ action: 'open', feed, instance: 'late', attempt: 2, have: 0 });
      await dead.answer('error', ({ code }) => code === 423);
      assert.is(await dead.closed(), 4023);
      alive.publish(2);
      await until('both are stored', 20_000, async () => (await watermark(stage, feed)) === 2);
    },
  },
];
