import * as assert from 'uvu/assert';
import type { LivePrincipal } from '../../src/fanout/live-endpoint.ts';
import { setLogLevel } from '../../src/logger.ts';
import { settle } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';
import { ANYONE, auth, LiveParts, subscribe } from './fakes/live-parts.ts';

type Verdict = LivePrincipal | 'not-now' | undefined;

const test = suite('live connection: a token that is verified beside other work');
test.before(() => setLogLevel('silent'));

/** A dashboard that has sent `auth`; `answered` gives the verdict on it. */
async function authenticating(parts: LiveParts) {
  let answer: (verdict: Verdict) => void = () => undefined;
  const verdict = new Promise<Verdict>((resolve) => (answer = resolve));
  const dashboard = parts.connect({ authenticate: () => verdict });
  dashboard.take();
  let authentications = 0;
  dashboard.connection.onAuthenticated = () => (authentications += 1);
  dashboard.send(auth('a.b.c'));
  await settle();
  const answered = async (given: Verdict): Promise<void> => {
    answer(given);
    await settle();
  };
  return { ...dashboard, answered, count: () => authentications };
}

test('requests behind it wait, in order', async () => {
  using parts = await new LiveParts().up();
  const { connection, send, take, answered, count } = await authenticating(parts);
  send(subscribe({ trades: ['A'] }));
  send({ action: 'unsubscribe', trades: ['A'] });
  await settle();
  assert.equal([take(), connection.isAuthenticated, count()], [[], false, 0]);
  await answered(ANYONE);
  const told = take();
  assert.is(told.length, 3, told.join('\n'));
  assert.match(told[0] ?? '', /authenticated/);
  assert.equal([connection.isAuthenticated, count()], [true, 1]);
});

for (const [verdict, code] of [
  [undefined, 4500],
  ['not-now', 1013],
] as const) {
  test(`a verdict of ${verdict ?? 'no'} ends with ${code}, and nothing behind it is taken`, async () => {
    using parts = await new LiveParts().up();
    const { connection, socket, send, answered, count } = await authenticating(parts);
    send(subscribe({ trades: ['A'] }));
    await answered(verdict);
    assert.is(socket.closedWith, code);
    assert.equal([connection.isAuthenticated, count()], [false, 0]);
  });
}

test('a flood behind it is bounded', async () => {
  using parts = await new LiveParts().up();
  const { socket, send } = await authenticating(parts);
  for (let n = 0; n < 40; n++) {
    send(subscribe({ trades: ['A'] }));
    await settle(2);
  }
  assert.is(socket.closedWith, 4029);
});

test('a verdict after the close changes nothing', async () => {
  using parts = await new LiveParts().up();
  const { connection, take, answered } = await authenticating(parts);
  connection.refuseLateAuth();
  connection.end(4502, 'auth timeout');
  take();
  await answered(ANYONE);
  assert.equal([take(), connection.isAuthenticated], [[], false]);
});
