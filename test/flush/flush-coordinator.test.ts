import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../src/config.ts';
import { StoreSchemaError } from '../../src/errors.ts';
import type { CoordinatorObserver } from '../../src/flush/coordinator-ports.ts';
import { FlushCoordinator } from '../../src/flush/flush-coordinator.ts';
import { Flusher } from '../../src/gateway/flusher.ts';
import { findFreePort } from '../../src/stack/free-port.ts';
import { suite } from '../support/suite.ts';
import { FakeBuffer } from './fake-buffer.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { FakeDatabase } from './fake-database.ts';
import { frameOf } from './tick-frames.ts';

const test = suite('flush coordinator');
const tick = { symbol: 'COMI', price: 1, volume: 1, timeMicros: 1_764_576_000_000_000 };
const INTERVAL_MS = 1_000;
const POLL_MS = 20;
const OTHER = 99;

interface StageOptions {
  readonly maxTicks?: number;
  readonly database?: FakeDatabase;
  readonly observer?: CoordinatorObserver;
}

class Stage {
  readonly buffer = new FakeBuffer();
  readonly clock = new FakeClock();
  readonly database: FakeDatabase;
  readonly coordinator: FlushCoordinator;
  readonly log: string[] = [];

  constructor({ maxTicks = 400, database = new FakeDatabase() }: StageOptions = {}) {
    this.database = database;
    database.watermarks.set('f', { seq: 0, generation: 'G' });
    this.coordinator = new FlushCoordinator(
      this.buffer,
      database.store,
      {
        flushIntervalMs: INTERVAL_MS,
        limits: { maxTicks, maxDays: 10 },
        resumeWindow: { windowMs: 0, windowBytes: 0 },
        clock: this.clock,
      },
      {
        onFlush: ({ rows }) => this.log.push(`flushed ${rows}`),
        onFailure: (error) => this.log.push(`failed: ${error instanceof Error ? error.message : String(error)}`),
        onInvalidated: (feed) => this.log.push(`invalidated ${feed}`),
      },
    );
  }

  get mode(): string {
    return this.coordinator.state.doing;
  }

  append(from: number, to: number): void {
    for (let seq = from + 1; seq <= to; seq++) this.buffer.append([frameOf(seq - 1, seq, [tick])]);
  }

  async start(): Promise<void> {
    this.coordinator.start();
    await settle();
  }

  /** Started, leading, and its first interval begun. */
  static async leading(options: StageOptions = {}): Promise<Stage> {
    const stage = new Stage(options);
    await stage.start();
    assert.is(stage.mode, 'leading');
    return stage;
  }
}

test('starting, leading, stopped; the lock is given back', async () => {
  const stage = new Stage();
  assert.is(stage.mode, 'starting');
  await stage.start();
  assert.equal([stage.mode, stage.database.lockHolder], ['leading', 1]);
  await stage.coordinator.stop(0);
  assert.equal([stage.mode, stage.database.lockHolder, stage.clock.waits], ['stopped', undefined, []]);
});

test('leading: flushes once in an interval, and polls every 20 ms at least', async () => {
  const stage = await Stage.leading();
  stage.append(0, 1);
  assert.ok(stage.clock.waits[0] !== undefined && stage.clock.waits[0] <= POLL_MS);
  await stage.clock.advance(INTERVAL_MS - POLL_MS);
  assert.equal(stage.log, []);
  await stage.clock.advance(POLL_MS);
  assert.equal(stage.log, ['flushed 1']);
  stage.append(1, 2);
  await stage.clock.advance(INTERVAL_MS - POLL_MS);
  assert.equal(stage.log, ['flushed 1']);
  await stage.clock.advance(POLL_MS);
  assert.equal(stage.log, ['flushed 1', 'flushed 1']);
  await stage.coordinator.stop(0);
});

test('leading: a flush that is asked for begins at once', async () => {
  const stage = await Stage.leading();
  stage.append(0, 2);
  stage.coordinator.requestFlush();
  await settle();
  assert.equal(stage.log, ['flushed 2']);
  await stage.coordinator.stop(0);
});

test('leading: a flush that is asked for during a flush is not forgotten', async () => {
  const stage = await Stage.leading();
  stage.append(0, 1);
  stage.database.onQuery = (text) => {
    if (text !== 'COMMIT') return;
    stage.database.onQuery = () => undefined;
    stage.append(1, 2);
    stage.coordinator.requestFlush();
  };
  stage.coordinator.requestFlush();
  await settle();
  await settle();
  assert.equal(stage.log, ['flushed 1', 'flushed 1']);
  await stage.coordinator.stop(0);
});

test('leading: a batch that is full in the buffer is flushed before its time', async () => {
  const stage = await Stage.leading({ maxTicks: 40 });
  stage.append(0, 39);
  await stage.clock.advance(2 * POLL_MS);
  assert.equal(stage.log, []);
  stage.append(39, 40);
  await stage.clock.advance(2 * POLL_MS);
  assert.equal(stage.log, ['flushed 10', 'flushed 30']);
  await stage.coordinator.stop(0);
});

test('leading: under load the next flush does not wait for the interval', async () => {
  const stage = await Stage.leading({ maxTicks: 40 });
  stage.append(0, 4);
  await stage.clock.advance(INTERVAL_MS);
  stage.append(4, 5);
  await stage.clock.advance(POLL_MS);
  assert.equal(stage.log, ['flushed 4', 'flushed 1'], 'a tenth of the largest batch was load');
  stage.append(5, 6);
  await stage.clock.advance(10 * POLL_MS);
  assert.equal(stage.log, ['flushed 4', 'flushed 1'], 'less is not');
  await stage.coordinator.stop(0);
});

test('standby: reads nothing while another leads, and takes over within half a second', async () => {
  const database = new FakeDatabase();
  database.lockHolder = OTHER;
  const stage = new Stage({ database });
  stage.append(0, 1);
  await stage.start();
  await stage.clock.advance(5_000);
  stage.coordinator.requestFlush();
  await stage.clock.advance(500);
  assert.equal([stage.mode, stage.buffer.reads, stage.log], ['standby', [], []]);
  database.lockHolder = undefined;
  await stage.clock.advance(500);
  assert.equal([stage.mode, stage.log], ['leading', ['flushed 1']]);
  await stage.coordinator.stop(0);
});

test('leading to standby: a transaction finds the lock with another session', async () => {
  const stage = await Stage.leading();
  stage.append(0, 1);
  stage.database.lockHolder = OTHER;
  await stage.clock.advance(INTERVAL_MS);
  await stage.clock.advance(POLL_MS);
  assert.equal([stage.mode, stage.log], ['standby', []]);
  stage.database.lockHolder = undefined;
  await stage.clock.advance(500);
  assert.is(stage.mode, 'leading');
  await stage.clock.advance(INTERVAL_MS);
  assert.equal(stage.log, ['flushed 1']);
  await stage.coordinator.stop(0);
});

test('a session that is lost is replaced, and the stream read from its start', async () => {
  const stage = await Stage.leading();
  stage.append(0, 1);
  await stage.clock.advance(INTERVAL_MS);
  stage.database.sessions[0]?.emit('end');
  stage.database.lockHolder = undefined;
  stage.buffer.reads.length = 0;
  stage.append(1, 2);
  await stage.clock.advance(INTERVAL_MS);
  assert.equal([stage.mode, stage.database.sessions.length, stage.database.lockHolder], ['leading', 2, 2]);
  assert.is(stage.buffer.reads[0]?.cursor, undefined);
  assert.equal(stage.database.committed, ['f 0>1', 'f 1>2']);
  await stage.coordinator.stop(0);
});

test('waiting: without Redis it does not connect to PostgreSQL', async () => {
  const stage = new Stage();
  stage.buffer.isUp = false;
  await stage.start();
  await stage.clock.advance(5_000);
  assert.equal(stage.coordinator.state, { doing: 'waiting', why: 'Redis cannot be reached' });
  assert.equal(stage.database.sessions, []);
  stage.buffer.isUp = true;
  await stage.clock.advance(500);
  assert.is(stage.mode, 'leading');
  await stage.coordinator.stop(0);
});

test('waiting: the time between attempts doubles to five seconds, with jitter, and a success resets it', async () => {
  const stage = new Stage();
  stage.database.connectError = new Error('no database');
  await stage.start();
  assert.equal(stage.coordinator.state, { doing: 'waiting', why: 'no database' });
  const waits: number[] = [];
  for (let attempt = 0; attempt < 9; attempt++) {
    const [waitMs = 0] = stage.clock.waits;
    waits.push(waitMs);
    await stage.clock.advance(waitMs);
  }
  waits.forEach((waitMs, attempt) => {
    const fullMs = Math.min(5_000, 100 * 2 ** attempt);
    assert.ok(waitMs >= fullMs / 2 && waitMs <= fullMs, `attempt ${attempt}: ${waitMs} ms`);
  });
  stage.database.connectError = undefined;
  await stage.clock.advance(5_000);
  assert.is(stage.mode, 'leading');
  stage.buffer.failing = 'pendingTicks';
  await stage.clock.advance(2 * POLL_MS);
  assert.is(stage.mode, 'waiting');
  assert.ok((stage.clock.waits[0] ?? 0) <= 100);
  await stage.coordinator.stop(0);
});

test('a flush that fails is tried again with half the batch, on watermarks read anew', async () => {
  const stage = await Stage.leading({ maxTicks: 40 });
  stage.append(0, 30);
  stage.database.onQuery = (text) => {
    if (text === 'COMMIT') throw new Error('no commit');
  };
  await stage.clock.advance(INTERVAL_MS);
  assert.equal([stage.mode, stage.log[0]], ['waiting', 'failed: no commit']);
  const failures = stage.log.length;
  stage.database.onQuery = () => undefined;
  stage.database.readRowsCalls.length = 0;
  stage.database.statements.length = 0;
  await stage.clock.advance(10_000);
  assert.is(stage.mode, 'leading');
  assert.is(stage.database.watermarks.get('f')?.seq, 30);
  assert.is(stage.log[failures], `flushed ${10 >> failures}`);
  assert.ok(stage.database.readRowsCalls.length > 0);
  assert.not.ok(stage.database.statements.includes('ROLLBACK'), 'nothing is built on the batch that failed');
  await stage.coordinator.stop(0);
});

for (const [what, break_] of [
  [
    'a COPY that the table does not take',
    (stage: Stage): void => {
      stage.database.onQuery = (text) => {
        if (text === 'COPY') throw new Error('drift');
      };
    },
  ],
  [
    'a schema that is not ours',
    (stage: Stage): void => {
      stage.database.connectError = new StoreSchemaError('no table', { remedy: 'tickgate migrate' });
      stage.database.sessions.at(-1)?.emit('end');
    },
  ],
] as const) {
  test(`halted: ${what}; tried again every five seconds, and nothing is rejected`, async () => {
    const stage = await Stage.leading();
    stage.append(0, 1);
    break_(stage);
    await stage.clock.advance(INTERVAL_MS);
    assert.is(stage.mode, 'halted');
    assert.equal(stage.clock.waits.filter((waitMs) => waitMs > 1_000).length, 1);
    const modes = new Set<string>();
    stage.buffer.onCall = () => void modes.add(stage.mode);
    await stage.clock.advance(12_000);
    modes.add(stage.mode);
    assert.equal([...modes], ['halted'], 'until a turn has succeeded');
    assert.ok(stage.log.length <= 4, 'no faster than that');
    stage.database.onQuery = () => undefined;
    stage.database.connectError = undefined;
    await stage.clock.advance(5_000);
    assert.equal([stage.mode, stage.log.at(-1)], ['leading', 'flushed 1']);
    await stage.coordinator.stop(0);
  });
}

test('a flush asked for while it waits after a failure does not cut the wait short', async () => {
  const stage = new Stage();
  stage.database.connectError = new Error('no database');
  await stage.start();
  const [waitMs] = stage.clock.waits;
  stage.coordinator.requestFlush();
  await settle();
  assert.equal([stage.clock.waits, stage.log.length], [[waitMs], 1]);
  await stage.coordinator.stop(0);
});

test('the divergence check: a state that the stream does not continue is invalidated', async () => {
  const stage = await Stage.leading();
  stage.buffer.states.set('f', { run: 'run-1', generation: 'G', position: 5 });
  await stage.clock.advance(3_000);
  assert.equal([stage.log, stage.buffer.invalidated], [['invalidated f'], ['f']]);
  await stage.coordinator.stop(0);
});

test('the divergence check: a feed whose ticks are in the stream is flushed for it, not invalidated', async () => {
  const stage = await Stage.leading();
  stage.append(0, 5);
  stage.buffer.states.set('f', { run: 'run-1', generation: 'G', position: 5 });
  await stage.clock.advance(5_000);
  assert.equal([stage.log, stage.buffer.invalidated], [['flushed 5'], []]);
  await stage.coordinator.stop(0);
});

test('stop: the buffer is emptied first', async () => {
  const stage = await Stage.leading({ maxTicks: 40 });
  stage.append(0, 100);
  await stage.coordinator.stop(5_000);
  assert.equal([stage.mode, stage.database.watermarks.get('f')?.seq], ['stopped', 100]);
  assert.is(stage.database.lockHolder, undefined);
});

test('stop: no flush begins after its time', async () => {
  const stage = await Stage.leading({ maxTicks: 40 });
  stage.append(0, 100);
  stage.database.onQuery = (text) => {
    if (text === 'COMMIT') stage.clock.jump(3_000);
  };
  await stage.coordinator.stop(5_000);
  assert.equal([stage.mode, stage.database.committed], ['stopped', ['f 0>10', 'f 10>40']]);
});

test('stop: a flush that fails ends it, and the ticks stay in the buffer', async () => {
  const stage = await Stage.leading();
  stage.append(0, 3);
  stage.database.onQuery = (text) => {
    if (text === 'COMMIT') throw new Error('no commit');
  };
  await stage.coordinator.stop(5_000);
  assert.equal([stage.mode, stage.buffer.entries.length, stage.database.lockHolder], ['stopped', 3, undefined]);
});

test('stop: from standby and from waiting too, at once', async () => {
  const standby = new Stage();
  standby.database.lockHolder = OTHER;
  await standby.start();
  await standby.coordinator.stop(5_000);
  const waiting = new Stage();
  waiting.buffer.isUp = false;
  await waiting.start();
  await waiting.coordinator.stop(5_000);
  assert.equal([standby.mode, standby.buffer.reads, waiting.mode], ['stopped', [], 'stopped']);
});

test('flushAll: everything that is in the buffer, and the lock is given back', async () => {
  const stage = new Stage({ maxTicks: 40 });
  stage.append(0, 100);
  let wasLeading = false;
  assert.is(await stage.coordinator.flushAll(() => (wasLeading = stage.database.lockHolder === 1)), 100);
  assert.equal([wasLeading, stage.database.lockHolder, stage.buffer.entries], [true, undefined, []]);
});

test('flushAll: undefined when another leads, an error when it cannot flush', async () => {
  const other = new Stage();
  other.database.lockHolder = OTHER;
  other.append(0, 1);
  assert.is(await other.coordinator.flushAll(), undefined);
  assert.equal([other.buffer.reads, other.database.lockHolder], [[], OTHER]);
  const failing = new Stage();
  failing.append(0, 1);
  failing.buffer.failing = 'read';
  const failure: unknown = await failing.coordinator.flushAll().catch((error: unknown) => error);
  assert.instance(failure, Error);
  assert.is(failing.database.lockHolder, undefined);
});

test('a flush asked for while Redis is away leaves the process alive', async () => {
  const nobody = String(await findFreePort());
  const config = loadConfig({ REDIS_PORT: nobody, POSTGRES_PORT: nobody, POSTGRES_PASSWORD: 'none' });
  const flusher = new Flusher(config);
  flusher.start();
  try {
    flusher.coordinator.requestFlush();
    // A loop without a wait would keep this timer from ever firing.
    await sleep(50);
    assert.is(flusher.state.doing, 'waiting');
  } finally {
    await flusher[Symbol.asyncDispose]();
  }
});
