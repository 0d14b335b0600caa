import * as assert from 'uvu/assert';
import { FeedRegistry, type FeedStateSource, type RegisteredFeed } from '../../src/ingest/feed-registry.ts';
import type { ReconciledState } from '../../src/ingest/session-rules.ts';
import { suite } from '../support/suite.ts';

const test = suite('feed registry');

class FakeFeed implements RegisteredFeed {
  readonly feed: string;
  readonly generation = 'g';
  accepted: number;
  readonly told: Array<readonly unknown[]> = [];

  constructor(feed: string, accepted = 0) {
    this.feed = feed;
    this.accepted = accepted;
  }

  onCommitted(generation: string, seq: number): void {
    this.told.push(['committed', generation, seq]);
  }

  onReconciled(state: ReconciledState | undefined, run: string, acceptedBefore: number): void {
    this.told.push(['reconciled', state, run, acceptedBefore]);
  }
}

type Rows = ReadonlyMap<string, { readonly seq: number; readonly generation: string }>;

/** Redis and the database; each question waits for the test's answer. */
class FakeSource implements FeedStateSource {
  run = 'r1';
  readonly askedStates: Array<readonly string[]> = [];
  readonly askedRows: Array<readonly string[]> = [];
  answerStates: (states: ReadonlyArray<ReconciledState | undefined> | Error) => void = () => undefined;
  answerRows: (rows: Rows | Error) => void = () => undefined;

  feedStates(feeds: readonly string[]): Promise<ReadonlyArray<ReconciledState | undefined>> {
    this.askedStates.push(feeds);
    return new Promise((resolve, reject) => {
      this.answerStates = (answer) => (answer instanceof Error ? reject(answer) : resolve(answer));
    });
  }

  readRows(feeds: readonly string[]): Promise<Rows> {
    this.askedRows.push(feeds);
    return new Promise((resolve, reject) => {
      this.answerRows = (answer) => (answer instanceof Error ? reject(answer) : resolve(answer));
    });
  }
}

const isOf =
  (kind: string) =>
  (told: readonly unknown[]): boolean =>
    told[0] === kind;
const stateAt = (position: number): ReconciledState => ({ run: 'r1', generation: 'g', position, session: 's' });

test('a flush is told to the feeds it names, each connection of them, and to nobody else', () => {
  const registry = new FeedRegistry(new FakeSource());
  const [a, alsoA, b, gone] = [new FakeFeed('a'), new FakeFeed('a'), new FakeFeed('b'), new FakeFeed('a')];
  for (const feed of [a, alsoA, b, gone]) registry.add(feed);
  registry.remove(gone);
  assert.is(registry.size, 3);
  registry.onFlushed([
    { feed: 'a', generation: 'g1', seq: 5 },
    { feed: 'elsewhere', generation: 'g2', seq: 9 },
  ]);
  for (const feed of [a, alsoA]) assert.equal(feed.told, [['committed', 'g1', 5]]);
  for (const feed of [b, gone]) assert.equal(feed.told, []);
});

test('reconcile: states to each feed in its order, rows to those that have one, each name asked once', async () => {
  const source = new FakeSource();
  const registry = new FeedRegistry(source);
  const [a, alsoA, b] = [new FakeFeed('a', 3), new FakeFeed('a', 4), new FakeFeed('b', 5)];
  for (const feed of [a, alsoA, b]) registry.add(feed);
  const reconciled = registry.reconcile();
  source.answerStates([stateAt(3), stateAt(4), undefined]);
  source.answerRows(new Map([['a', { seq: 2, generation: 'g' }]]));
  await reconciled;
  assert.equal(source.askedStates, [['a', 'a', 'b']]);
  assert.equal(source.askedRows, [['a', 'b']]);
  for (const [feed, accepted] of [
    [a, 3],
    [alsoA, 4],
  ] as const) {
    assert.is(feed.told.length, 2);
    assert.equal(feed.told.find(isOf('reconciled')), ['reconciled', stateAt(accepted), 'r1', accepted]);
    assert.equal(feed.told.find(isOf('committed')), ['committed', 'g', 2]);
  }
  assert.equal(b.told, [['reconciled', undefined, 'r1', 5]]);
});

test('what a feed is compared with is what it had told before Redis was asked, and the run that answered then', async () => {
  const source = new FakeSource();
  const registry = new FeedRegistry(source);
  const feed = new FakeFeed('a', 3);
  registry.add(feed);
  const reconciled = registry.reconcile();
  feed.accepted = 100;
  source.run = 'r2';
  source.answerStates([stateAt(3)]);
  source.answerRows(new Map());
  await reconciled;
  assert.equal(feed.told, [['reconciled', stateAt(3), 'r1', 3]]);
});

test('a feed that left while they were asked is told nothing; one that came waits for the next time', async () => {
  const source = new FakeSource();
  const registry = new FeedRegistry(source);
  const [gone, stays, late] = [new FakeFeed('a'), new FakeFeed('b'), new FakeFeed('c')];
  registry.add(gone);
  registry.add(stays);
  const reconciled = registry.reconcile();
  registry.remove(gone);
  registry.add(late);
  source.answerStates([stateAt(1), stateAt(2)]);
  const row = { seq: 1, generation: 'g' };
  source.answerRows(
    new Map([
      ['a', row],
      ['b', row],
      ['c', row],
    ]),
  );
  await reconciled;
  assert.equal(gone.told, []);
  assert.is(stays.told.length, 2);
  assert.equal(late.told, []);
});

test('each half goes on without the other, and asks again only when it was answered', async () => {
  const source = new FakeSource();
  const registry = new FeedRegistry(source);
  const feed = new FakeFeed('a');
  registry.add(feed);
  const first = registry.reconcile();
  source.answerStates(new Error('redis is down'));
  // The database has not answered: only Redis is asked again, as soon as its own answer has come.
  await new Promise((resolve) => setImmediate(resolve));
  const second = registry.reconcile();
  assert.equal([source.askedStates.length, source.askedRows.length], [2, 1]);
  source.answerStates([stateAt(1)]);
  await second;
  assert.equal(feed.told, [['reconciled', stateAt(1), 'r1', 0]]);
  source.answerRows(new Error('the database is down'));
  await first;
  const third = registry.reconcile();
  assert.equal([source.askedStates.length, source.askedRows.length], [3, 2]);
  source.answerStates([stateAt(1)]);
  source.answerRows(new Map([['a', { seq: 7, generation: 'g' }]]));
  await third;
  assert.equal(feed.told.at(-1), ['committed', 'g', 7]);
});

test('a Redis that is away is no failure: its run throws', async () => {
  const registry = new FeedRegistry({
    get run(): string {
      throw new Error('no Redis');
    },
    feedStates: async () => [],
    readRows: async () => new Map([['a', { seq: 1, generation: 'g' }]]),
  });
  const feed = new FakeFeed('a');
  registry.add(feed);
  await registry.reconcile();
  assert.equal(feed.told, [['committed', 'g', 1]]);
});

test('without a feed nobody is asked', async () => {
  const source = new FakeSource();
  await new FeedRegistry(source).reconcile();
  assert.equal([source.askedStates.length, source.askedRows.length], [0, 0]);
});

test('the timer ends with the registry', () => {
  const registry = new FeedRegistry(new FakeSource());
  registry.start();
  registry.start();
  registry[Symbol.dispose]();
});
