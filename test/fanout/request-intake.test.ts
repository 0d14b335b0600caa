import * as assert from 'uvu/assert';
import { FairWorkQueue } from '../../src/base/fair-work-queue.ts';
import { RequestIntake } from '../../src/fanout/request-intake.ts';
import { settle } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';
import { FakeSocket } from './fakes/fake-socket.ts';

const test = suite('RequestIntake');

/** An intake beside a queue whose time for this turn can be used up. */
class Parts {
  nowMs = 0;
  readonly socket: FakeSocket = new FakeSocket();
  readonly work: FairWorkQueue = new FairWorkQueue({ turnMs: 4, nowMs: () => this.nowMs });
  readonly intake: RequestIntake = new RequestIntake(this.socket, this.work, this);
  readonly done: string[] = [];

  take(text: string): boolean {
    return this.intake.take('someone', Buffer.from(text), (data) => void this.done.push(data.toString()));
  }

  useUp(): void {
    this.work.run('someone', {}, () => (this.nowMs += 4));
  }
}

test('a request is handled at once where there is time, and never makes reading stop', () => {
  const parts = new Parts();
  for (let at = 0; at < 100; at++) assert.ok(parts.take('x'));
  assert.equal([parts.done.length, parts.intake.isReading, parts.socket.isPaused], [100, true, false]);
});

test('reading stops at 32 requests that wait, or 64 KiB of them, and goes on when none does', async () => {
  for (const [texts, bytes] of [
    [32, 1],
    [4, 16 * 1024],
  ] as const) {
    const parts = new Parts();
    parts.useUp();
    for (let at = 1; at < texts; at++) parts.take('x'.repeat(bytes));
    assert.not(parts.socket.isPaused);
    parts.take('y'.repeat(bytes));
    assert.equal([parts.socket.isPaused, parts.intake.isReading], [true, false]);
    await settle(2);
    assert.equal([parts.socket.isPaused, parts.intake.isReading, parts.done.length], [false, true, texts]);
    assert.ok(parts.done.at(-1)?.startsWith('y'));
  }
});

test('200 at once, and a resume as twenty of them', () => {
  const parts = new Parts();
  for (let at = 0; at < 10; at++) assert.ok(parts.take('x') && parts.intake.takeResume());
  assert.not(parts.intake.takeResume());
});

test('ended: nothing that waits is handled, and reading goes on for the answer to the close', async () => {
  const parts = new Parts();
  parts.useUp();
  for (let at = 0; at < 40; at++) parts.take('x');
  parts.intake.end();
  assert.not(parts.socket.isPaused);
  await settle(2);
  assert.equal(parts.done, []);
});
