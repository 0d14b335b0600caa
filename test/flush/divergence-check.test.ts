import * as assert from 'uvu/assert';
import { DivergenceCheck } from '../../src/flush/divergence-check.ts';
import { suite } from '../support/suite.ts';
import { FakeBuffer } from './fake-buffer.ts';
import { FakeDatabase } from './fake-database.ts';

const test = suite('divergence check');
const ROUND_MS = 500;

class Stage {
  readonly buffer = new FakeBuffer();
  readonly database = new FakeDatabase();
  readonly told: string[] = [];
  readonly check = new DivergenceCheck(this.buffer, this.database.store, (feed) => this.told.push(feed));
  /** Readings asked for: from the cursor (false) or from the stream's start (true). */
  readonly readings: boolean[] = [];
  onReading: (fromStart: boolean) => boolean = () => true;
  nowMs = 0;

  /** One feed whose state is at `position`, with its watermark at `seq`. */
  constructor(position: number, seq: number) {
    this.state(position);
    this.database.watermarks.set('f', { seq, generation: 'G' });
  }

  state(position: number, generation = 'G', run = 'run-1'): void {
    this.buffer.states.set('f', { run, generation, position });
  }

  async turn(times = 1): Promise<void> {
    for (let time = 0; time < times; time++) {
      await this.check.turn(this.nowMs, {
        readToEnd: async (fromStart) => {
          this.readings.push(fromStart);
          return this.onReading(fromStart);
        },
      });
      this.nowMs += ROUND_MS;
    }
  }
}

test('a state that its watermark confirms: nothing is read for it', async () => {
  const stage = new Stage(5, 5);
  await stage.turn(5);
  assert.equal([stage.readings, stage.told], [[], []]);
});

test('a state that diverged is invalidated after two rounds from the stream’s start, and its feed named', async () => {
  const stage = new Stage(5, 3);
  await stage.turn();
  assert.equal(stage.readings, [], 'observed');
  await stage.turn();
  assert.equal([stage.readings, stage.told], [[false, true], []], 'first round');
  await stage.turn();
  assert.equal([stage.readings, stage.told], [[false, true, false, true], ['f']], 'second round');
  assert.equal(stage.buffer.invalidated, ['f']);
  await stage.turn(5);
  assert.equal(stage.told, ['f'], 'once');
});

test('at most one check in half a second', async () => {
  const stage = new Stage(5, 3);
  const observed: number[] = [];
  stage.buffer.onCall = (call) => void (call === 'knownFeeds' && observed.push(stage.nowMs));
  const reading = { readToEnd: () => Promise.resolve(true) };
  for (const nowMs of [0, 100, 499, 500, 700, 1_000]) await stage.check.turn((stage.nowMs = nowMs), reading);
  assert.equal(observed, [0, 500, 1_000]);
});

test('a feed that is behind only because it was not flushed yet costs one reading from the cursor', async () => {
  const stage = new Stage(5, 3);
  stage.onReading = () => {
    stage.database.watermarks.set('f', { seq: 5, generation: 'G' });
    return true;
  };
  await stage.turn(5);
  assert.equal([stage.readings, stage.told], [[false], []]);
});

test('a feed that the reading from the start confirms is not invalidated', async () => {
  const stage = new Stage(5, 3);
  stage.onReading = (fromStart) => {
    if (fromStart) stage.database.watermarks.set('f', { seq: 5, generation: 'G' });
    return true;
  };
  await stage.turn(6);
  assert.equal([stage.readings, stage.told], [[false, true], []]);
});

test('a reading that does not get to the end says nothing, and breaks the series', async () => {
  for (const failsFromStart of [false, true]) {
    const stage = new Stage(5, 3);
    await stage.turn(2);
    stage.onReading = (fromStart) => fromStart !== failsFromStart;
    await stage.turn();
    stage.onReading = () => true;
    await stage.turn();
    assert.equal(stage.told, [], 'the first of two rounds again');
    await stage.turn();
    assert.equal(stage.told, ['f']);
  }
});

test('reset: observations and rounds of before do not count', async () => {
  const stage = new Stage(5, 3);
  await stage.turn(2);
  stage.check.reset();
  await stage.turn();
  assert.is(stage.readings.length, 2, 'observed anew');
  await stage.turn();
  assert.equal(stage.told, []);
  await stage.turn();
  assert.equal(stage.told, ['f']);
});

test('states of another run of Redis do not count: their feeds open again anyway', async () => {
  const stage = new Stage(5, 3);
  stage.state(5, 'G', 'run-0');
  await stage.turn(5);
  assert.equal([stage.readings, stage.told], [[], []]);
});

test('a state that is another one by the time is spared', async () => {
  const stage = new Stage(5, 3);
  await stage.turn(2);
  stage.onReading = (fromStart) => {
    if (fromStart) stage.state(0, 'H');
    return true;
  };
  await stage.turn();
  assert.equal([stage.told, stage.buffer.invalidated], [[], []]);
});

test('a feed without a watermark, or with one of another generation, is invalidated too', async () => {
  for (const change of ['delete', 'restore']) {
    const stage = new Stage(5, 5);
    if (change === 'delete') stage.database.watermarks.delete('f');
    else stage.database.watermarks.set('f', { seq: 9, generation: 'older' });
    await stage.turn(3);
    assert.equal(stage.told, ['f'], change);
  }
});

test('one-off feeds whose watermark is deleted are forgotten in Redis, once a minute', async () => {
  const stage = new Stage(5, 5);
  stage.database.spentFeeds = ['~1', '~2'];
  await stage.turn();
  assert.equal(stage.buffer.forgotten, ['~1', '~2']);
  stage.database.spentFeeds = ['~3'];
  stage.nowMs = 59_999;
  await stage.turn();
  assert.is(stage.buffer.forgotten.length, 2);
  stage.nowMs = 60_500;
  await stage.turn();
  assert.equal(stage.buffer.forgotten, ['~1', '~2', '~3']);
});

test('an error of Redis or PostgreSQL is thrown to the coordinator', async () => {
  const stage = new Stage(5, 3);
  stage.buffer.failing = 'feedStates';
  const failure: unknown = await stage.turn().catch((error: unknown) => error);
  assert.instance(failure, Error);
});
