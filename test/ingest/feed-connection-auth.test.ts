import * as assert from 'uvu/assert';
import type { FeedPrincipal } from '../../src/ingest/feed-connection.ts';
import { setLogLevel } from '../../src/logger.ts';
import { settle } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';
import { ConnectionUnderTest, NOBODY, PUBLISHER } from './connection-under-test.ts';

type Verdict = FeedPrincipal | 'not-now' | undefined;

const test = suite('feed connection: a token that is verified beside other work');
test.before(() => setLogLevel('silent'));

/** A connection whose client has sent `auth`; `answer` gives the verdict on it. */
function authenticating() {
  let answer: (verdict: Verdict) => void = () => undefined;
  const verdict = new Promise<Verdict>((resolve) => (answer = resolve));
  const subject = new ConnectionUnderTest({ principal: NOBODY, authenticate: () => verdict });
  subject.hear();
  let authentications = 0;
  subject.connection.onAuthenticated = () => (authentications += 1);
  subject.say({ action: 'auth', token: 'a.b.c' });
  const answered = async (given: Verdict): Promise<void> => {
    answer(given);
    await settle();
  };
  return { subject, answered, count: () => authentications };
}

test('messages behind it wait, in order, and reading is paused meanwhile', async () => {
  const { subject, answered, count } = authenticating();
  subject.say({ action: 'auth', token: 'again' });
  subject.say({ action: 'open', feed: 'egx' });
  assert.ok(subject.socket.isPaused);
  assert.equal([subject.hear(), subject.connection.isAuthenticated, count()], [[], false, 0]);
  await answered(PUBLISHER);
  assert.not(subject.socket.isPaused);
  assert.is(count(), 1);
  const [welcome, second] = subject.hear();
  assert.equal(welcome, { T: 'success', msg: 'authenticated' });
  assert.is(new Map(Object.entries(second ?? {})).get('code'), 403);
  assert.is(subject.opener.opens.length, 1, 'the open behind it is taken');
});

test('what waits behind it is taken in the order in which it came', async () => {
  const { subject, answered } = authenticating();
  subject.say({ action: 'auth', token: 'again' });
  subject.say({ action: 'open', feed: 'forbidden' });
  await answered(PUBLISHER);
  const codes = subject.hear().map((reply) => new Map(Object.entries(reply ?? {})).get('code'));
  assert.equal(codes, [undefined, 403, 409]);
});

test('one that is not good ends with 4500, and nothing behind it is taken', async () => {
  const { subject, answered, count } = authenticating();
  subject.say({ action: 'open', feed: 'egx' });
  await answered(undefined);
  assert.is(subject.socket.closed?.[0], 4500);
  assert.equal([subject.opener.opens.length, count()], [0, 0]);
});

test('one that cannot be verified now ends with 1013: the client comes back', async () => {
  const { subject, answered } = authenticating();
  await answered('not-now');
  assert.is(subject.socket.closed?.[0], 1013);
  assert.not(subject.connection.isAuthenticated);
});

test('a flood behind it is bounded', () => {
  const { subject } = authenticating();
  for (let n = 0; n < 33; n++) subject.say({ action: 'open', feed: 'egx' });
  assert.is(subject.socket.closed?.[0], 4500);
});

test('the deadline holds while it is verified, and a late verdict changes nothing', async () => {
  const { subject, answered, count } = authenticating();
  subject.connection.refuseLateAuth();
  subject.connection.end(4502, 'auth timeout');
  subject.hear();
  await answered(PUBLISHER);
  assert.equal([subject.hear(), subject.connection.isAuthenticated, count()], [[], false, 0]);
});
