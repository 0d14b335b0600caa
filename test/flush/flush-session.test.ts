import * as assert from 'uvu/assert';
import { FlushSession } from '../../src/flush/flush-session.ts';
import { suite } from '../support/suite.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { FakeDatabase } from './fake-database.ts';

const test = suite('flush session');
const SECOND_MS = 1_000;

function openSession(database = new FakeDatabase(), clock = new FakeClock()) {
  return { database, clock, session: new FlushSession(database.connect(), database.store, clock) };
}

/** Work that ends when it is told to. */
function controlledWork() {
  let end: () => void = () => undefined;
  const promise = new Promise<void>((resolve) => (end = resolve));
  return { work: () => promise, end: () => end() };
}

test('turns are exclusive and in order, and a failed one does not stop the next', async () => {
  const { session } = openSession();
  const log: string[] = [];
  const first = controlledWork();
  const results = [
    session.exclusively(async () => {
      log.push('first begins');
      await first.work();
      log.push('first ends');
      throw new Error('first failed');
    }),
    session.exclusively(async () => log.push('second')),
    session.exclusively(async () => 'third'),
  ];
  await settle();
  assert.equal(log, ['first begins']);
  first.end();
  const settled = await Promise.allSettled(results);
  assert.equal(log, ['first begins', 'first ends', 'second']);
  assert.equal(
    settled.map(({ status }) => status),
    ['rejected', 'fulfilled', 'fulfilled'],
  );
});

test('one of two sessions leads; the other takes over when the first has ended', async () => {
  const database = new FakeDatabase();
  const { session: first } = openSession(database);
  const { session: second } = openSession(database);
  assert.equal([await first.tryLead(), await second.tryLead()], [true, false]);
  assert.equal([first.leads, second.leads], [true, false]);
  await first[Symbol.asyncDispose]();
  assert.equal([first.leads, first.isLost], [false, true]);
  assert.is(await second.tryLead(), true);
});

test('while another leads its session is sampled, once per attempt', async () => {
  const { database, session } = openSession();
  database.lockHolder = 99;
  await session.tryLead();
  await session.tryLead();
  assert.equal(database.statements, ['SELECT', 'SELECT', 'SELECT', 'SELECT'], 'the lock and the sample, twice');
});

test('a standby ends a leader that has stood still for three seconds', async () => {
  const { database, clock, session } = openSession();
  database.lockHolder = 99;
  database.holderSample = { pid: 99, wait_event_type: 'Client', state_change: 'then' };
  for (let seconds = 0; seconds <= 3; seconds++) {
    assert.is(await session.tryLead(), false);
    clock.jump(SECOND_MS);
  }
  assert.is(await session.tryLead(), true);
});

test('heartbeats: only from a leader, and only while it is idle', async () => {
  const { database, clock, session } = openSession();
  const heartbeats = (): number => database.statements.filter((text) => text === 'SELECT').length;
  await clock.advance(3 * SECOND_MS);
  assert.is(heartbeats(), 0, 'not from a standby');
  await session.tryLead();
  const before = heartbeats();
  await clock.advance(3 * SECOND_MS);
  assert.is(heartbeats() - before, 3);
  const flush = controlledWork();
  const running = session.exclusively(flush.work);
  await clock.advance(3 * SECOND_MS);
  assert.is(heartbeats() - before, 3, 'not beside a flush');
  flush.end();
  await running;
  await clock.advance(SECOND_MS);
  assert.is(heartbeats() - before, 4);
  session.stepDown();
  assert.is(session.leads, false);
  await clock.advance(3 * SECOND_MS);
  assert.is(heartbeats() - before, 4, 'nor from one that has stepped down');
});

test('a heartbeat that fails: the session is lost', async () => {
  const { database, clock, session } = openSession();
  await session.tryLead();
  database.onQuery = () => Promise.reject(new Error('gone'));
  await clock.advance(SECOND_MS);
  assert.is(session.isLost, true);
});

for (const event of ['error', 'end']) {
  test(`the connection's "${event}": the session is lost, and beats no more`, async () => {
    const { database, clock, session } = openSession();
    await session.tryLead();
    const before = database.statements.length;
    session.client.emit(event, new Error('gone'));
    assert.is(session.isLost, true);
    await clock.advance(3 * SECOND_MS);
    assert.is(database.statements.length, before);
  });
}

/** A session in the middle of work, whose backend waits for its client. @param progress of the backend */
async function waitingSession(progress: string | undefined) {
  const stage = openSession();
  stage.database.progress = progress;
  const flush = controlledWork();
  void stage.session.exclusively(flush.work);
  await settle();
  return { ...stage, flush };
}

test('a dead path: five checks in a row, a second apart, at which nothing has moved', async () => {
  const { clock, session } = await waitingSession('state 1');
  // The first check has nothing to compare with.
  await clock.advance(5 * SECOND_MS);
  assert.is(session.isLost, false);
  await clock.advance(SECOND_MS);
  assert.is(session.isLost, true);
});

test('a path that moves once in a while is not dead', async () => {
  const { database, clock, session } = await waitingSession('state 1');
  for (let moves = 0; moves < 4; moves++) {
    await clock.advance(5 * SECOND_MS);
    database.progress = `moved ${moves}`;
  }
  assert.is(session.isLost, false);
});

test('nor one whose backend works, or waits for something else than its client', async () => {
  const { clock, session } = await waitingSession(undefined);
  await clock.advance(60 * SECOND_MS);
  assert.is(session.isLost, false);
});

test('nor one that is idle', async () => {
  const { clock, session, flush } = await waitingSession('state 1');
  flush.end();
  await clock.advance(60 * SECOND_MS);
  assert.is(session.isLost, false);
});

test('nor one on which a turn ended and the next began', async () => {
  const { clock, session, flush } = await waitingSession('state 1');
  await clock.advance(4 * SECOND_MS);
  const next = controlledWork();
  const running = session.exclusively(next.work);
  flush.end();
  await clock.advance(4 * SECOND_MS);
  assert.is(session.isLost, false);
  next.end();
  await running;
});

test('nor one whose turn ended while the backend was asked', async () => {
  const { database, clock } = openSession();
  let onAsked: () => void = () => undefined;
  const progressOfWaiting = async (): Promise<string> => {
    onAsked();
    return 'state 1';
  };
  const session = new FlushSession(database.connect(), { ...database.store, progressOfWaiting }, clock);
  const flush = controlledWork();
  void session.exclusively(flush.work);
  await clock.advance(5 * SECOND_MS);
  onAsked = () => void session.exclusively(controlledWork().work);
  await clock.advance(SECOND_MS);
  assert.is(session.isLost, false);
});

test('a check that gets no answer says nothing', async () => {
  const { database, clock } = openSession();
  const store = { ...database.store, progressOfWaiting: () => Promise.reject(new Error('no connection free')) };
  const session = new FlushSession(database.connect(), store, clock);
  void session.exclusively(controlledWork().work);
  await clock.advance(60 * SECOND_MS);
  assert.is(session.isLost, false);
});

test('disposed: the connection is ended and no timer is left', async () => {
  const { clock, session } = openSession();
  await session.tryLead();
  assert.is(clock.waits.length, 2);
  await session[Symbol.asyncDispose]();
  assert.equal([clock.waits, session.leads, session.isLost], [[], false, true]);
});
