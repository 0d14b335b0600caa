import * as assert from 'uvu/assert';
import type { SimulatedTick } from '../../../clients/simulator/generate-ticks.ts';
import { pace, type PaceOptions, paceTicks } from '../../../clients/simulator/pace-ticks.ts';
import { suite } from '../../support/suite.ts';

const test = suite('clients/simulator/pace-ticks');
const NOW = 1_764_576_000_000_000;
const SECOND = 1e6;

/** A clock that only sleeping moves. */
class ManualClock {
  micros = NOW;
  readonly sleepsMs: number[] = [];

  options(speed: number | 'max', more: Partial<PaceOptions> = {}): PaceOptions {
    return {
      speed,
      nowMicros: () => this.micros,
      sleep: (ms) => {
        this.sleepsMs.push(ms);
        this.micros += ms * 1_000;
        return Promise.resolve();
      },
      ...more,
    };
  }
}

/** Ticks at seconds after some instant in the past; the volume is their number. */
function ticksAt(...seconds: number[]): SimulatedTick[] {
  return seconds.map((second, index) => ['COMI', 100, index, second * SECOND]);
}

async function schedule(
  clock: ManualClock,
  ticks: Iterable<SimulatedTick>,
  options: Parameters<typeof paceTicks>[1],
): Promise<Array<readonly [seconds: number, numbers: number[]]>> {
  const handed: Array<readonly [number, number[]]> = [];
  for await (const batch of paceTicks(ticks, options)) {
    handed.push([(clock.micros - NOW) / SECOND, batch.map((tick) => tick[2])]);
  }
  return handed;
}

test('at speed 1 ticks come with the distances they have, the first at once', async () => {
  const clock = new ManualClock();
  assert.equal(await schedule(clock, ticksAt(50, 50, 51, 53.5), clock.options(1)), [
    [0, [0, 1]],
    [1, [2]],
    [3.5, [3]],
  ]);
});

test('at speed 60 a minute takes a second', async () => {
  const clock = new ManualClock();
  assert.equal(await schedule(clock, ticksAt(0, 60, 150), clock.options(60)), [
    [0, [0]],
    [1, [1]],
    [2.5, [2]],
  ]);
});

test('a tick never comes before it is due, at most a millisecond after', async () => {
  const clock = new ManualClock();
  const ticks = ticksAt(...Array.from({ length: 500 }, (_, index) => index * 0.000_7));
  for await (const batch of paceTicks(ticks, clock.options(1))) {
    for (const [, , , time] of batch) {
      const late = clock.micros - NOW - time;
      assert.ok(late >= 0 && late < 1_000, `${late} µs`);
    }
  }
});

test('an older tick behind a newer one is due with it', async () => {
  const clock = new ManualClock();
  assert.equal(await schedule(clock, ticksAt(0, 10, 3, 11), clock.options(1)), [
    [0, [0]],
    [10, [1, 2]],
    [11, [3]],
  ]);
});

test('at full speed nothing waits: batches of the asked size, and a turn of the event loop now and then', async () => {
  const clock = new ManualClock();
  const ticks = ticksAt(...Array.from({ length: 2_500 }, (_, index) => index * 100));
  const handed = await schedule(clock, ticks, clock.options('max', { batchTicks: 100 }));
  assert.equal(
    handed.map(([, numbers]) => numbers.length),
    Array.from({ length: 25 }, () => 100),
  );
  assert.is(clock.micros, NOW);
  assert.equal(clock.sleepsMs, [0, 0, 0]);
});

test('what became due while the consumer was busy comes at once, and nothing is lost', async () => {
  const clock = new ManualClock();
  const numbers: number[] = [];
  const at: number[] = [];
  for await (const batch of paceTicks(ticksAt(0, 1, 2, 3, 4, 5), clock.options(1))) {
    numbers.push(...batch.map((tick) => tick[2]));
    at.push((clock.micros - NOW) / SECOND);
    if (numbers.length === 1) clock.micros += 3.5 * SECOND;
  }
  assert.equal(numbers, [0, 1, 2, 3, 4, 5]);
  assert.equal(at, [0, 3.5, 4, 5]);
});

test('stamped with the wall clock, ticks carry the instant they are due, in order and never in the future', async () => {
  const clock = new ManualClock();
  const stamped: number[] = [];
  const ticks = ticksAt(0, 0.000_6, 0.000_9, 60, 120);
  for await (const batch of paceTicks(ticks, { ...clock.options(60), stamp: 'wall' })) {
    for (const [, , , time] of batch) {
      assert.ok(Number.isInteger(time) && time <= clock.micros);
      stamped.push(time - NOW);
    }
  }
  assert.equal(stamped, [0, 10, 15, SECOND, 2 * SECOND]);
});

test('stamped at full speed, ticks carry the clock', async () => {
  const clock = new ManualClock();
  for await (const batch of paceTicks(ticksAt(1, 2, 3), { ...clock.options('max'), stamp: 'wall' })) {
    assert.equal(
      batch.map((tick) => tick[3]),
      [NOW, NOW, NOW],
    );
  }
});

test('a long wait is cut into sleeps, and an abort ends it', async () => {
  const clock = new ManualClock();
  const abort = new AbortController();
  const options = clock.options(1, { signal: abort.signal });
  const sleep = (ms: number): Promise<void> => {
    if (clock.sleepsMs.length === 2) abort.abort();
    return options.sleep(ms);
  };
  const handed = await schedule(clock, ticksAt(0, 86_400), { ...options, sleep });
  assert.equal(handed, [[0, [0]]]);
  assert.equal(clock.sleepsMs, [60_000, 60_000, 60_000]);
});

test('a sleep that ends early is slept on', async () => {
  const clock = new ManualClock();
  const sleep = (ms: number): Promise<void> => {
    clock.micros += Math.max(1, ms / 2) * 1_000;
    return Promise.resolve();
  };
  const [, second] = await schedule(clock, ticksAt(0, 2), clock.options(1, { sleep }));
  assert.ok((second?.[0] ?? 0) >= 2 && (second?.[0] ?? 0) < 2.01);
});

test('an abort before the start hands nothing over', async () => {
  const clock = new ManualClock();
  assert.equal(await schedule(clock, ticksAt(0, 1), clock.options('max', { signal: AbortSignal.abort() })), []);
});

test('paces anything with a time, from an asynchronous source too', async () => {
  const clock = new ManualClock();
  async function* rows(): AsyncGenerator<{ at: number }> {
    yield { at: 0 };
    await Promise.resolve();
    yield { at: 2 * SECOND };
  }
  const due: number[] = [];
  for await (const batch of pace(rows(), { timeMicros: (row) => row.at }, clock.options(2))) {
    due.push(...batch.map(() => (clock.micros - NOW) / SECOND));
  }
  assert.equal(due, [0, 1]);
});

for (const speed of [0, -1, Number.NaN]) {
  test(`refuses speed ${speed}`, async () => {
    const clock = new ManualClock();
    const failure = await schedule(clock, ticksAt(0, 1), clock.options(speed)).catch((thrown: unknown) => thrown);
    assert.instance(failure, RangeError);
  });
}
