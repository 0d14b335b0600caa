import { randomBytes } from 'node:crypto';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';
import { frameBytes } from './frame-bytes.ts';
import { bearer, GatewayUnderTest } from './gateway-under-test.ts';
import { InnocentFeed } from './innocent-feed.ts';
import { packed } from './message-bytes.ts';
import { JSON_CASES, MSGPACK_CASES, opcodeOf, type PayloadCase, TRUNCATED_CASES } from './payload-cases.ts';
import { type StrangerAnswers, StrangerSocket } from './stranger-socket.ts';

const test = suite('bad input: payloads', { timeoutMs: 20_000 });
let subject: GatewayUnderTest;
let innocent: InnocentFeed;
let acceptedTicks = 0;
test.before(async () => {
  subject = await GatewayUnderTest.start();
  innocent = new InnocentFeed(subject);
});
test.after(async () => {
  await innocent.close();
  await subject[Symbol.asyncDispose]();
});

/** Opens a feed of its own, sends the case's message, and gives back what came after `opened`. */
async function answersTo({ payload, codec }: PayloadCase): Promise<StrangerAnswers> {
  const protocol = `tickgate.v1.${codec}`;
  using stranger = await StrangerSocket.upgraded(subject.port, {
    ...bearer('feed'),
    'Sec-WebSocket-Protocol': protocol,
  });
  const open = { action: 'open', feed: `case-${randomBytes(6).toString('hex')}` };
  const opcode = opcodeOf(codec);
  const openBytes = codec === 'json' ? Buffer.from(JSON.stringify(open)) : packed(open);
  stranger.send(frameBytes({ opcode, payload: openBytes }));
  await stranger.until(({ messages }) => messages.some((message) => message['T'] === 'opened'));
  const before = stranger.answers.messages.length;
  stranger.send(frameBytes({ opcode, payload }));
  const answers = await stranger.until(
    ({ messages, closeCode, isEnded }) =>
      closeCode !== undefined || isEnded || messages.slice(before).some((message) => message['T'] === 'ack'),
  );
  return { ...answers, messages: answers.messages.slice(before) };
}

function assertAnswers(answers: StrangerAnswers, expected: PayloadCase['expected']): void {
  const errors = answers.messages.filter((message) => message['T'] === 'error');
  if (expected === 'refused' || expected === 'too-large') {
    assert.equal(
      errors.map((error) => error['code']),
      [expected === 'refused' ? 400 : 422],
    );
    assert.is(answers.closeCode, 4501);
    return;
  }
  assert.is(answers.closeCode, undefined);
  assert.ok(
    answers.messages.some((message) => message['T'] === 'ack' && message['seq'] === 1),
    'acknowledged',
  );
  assert.equal(
    errors.map((error) => error['code']),
    expected.length === 0 ? [] : [420],
  );
  const rejected: unknown = errors[0]?.['rejected'] ?? [];
  assert.equal(
    Array.isArray(rejected)
      ? rejected.map((each: unknown) => (Array.isArray(each) ? String(each[1]) : each))
      : rejected,
    expected,
  );
}

for (const each of [...MSGPACK_CASES, ...JSON_CASES]) {
  const outcome = Array.isArray(each.expected) ? each.expected.join(', ') || 'accepted' : String(each.expected);
  test(`${each.id} ${each.name}: ${outcome}`, async () => {
    await innocent.publish();
    assertAnswers(await answersTo(each), each.expected);
    acceptedTicks += 1;
  });
}

test(`P1 a valid frame cut at each of its ${TRUNCATED_CASES.length} bytes: refused`, async () => {
  for (const each of TRUNCATED_CASES) assertAnswers(await answersTo(each), each.expected);
});

test('a rejected tick is in the table of rejected ticks, as it came', async () => {
  await innocent.assertUnharmed();
  const { prefix } = subject.market;
  const { rows } = await subject.market.db.query<{ reason: string; n: number }>(
    `SELECT reason, count(*)::int AS n FROM ${prefix}_ticks_rejected GROUP BY reason ORDER BY reason`,
  );
  const expected = new Map<string, number>();
  for (const { expected: reasons } of [...MSGPACK_CASES, ...JSON_CASES])
    if (Array.isArray(reasons))
      for (const reason of reasons) expected.set(String(reason), (expected.get(String(reason)) ?? 0) + 1);
  const byReason = (counts: Iterable<readonly [string, number]>): object =>
    Object.fromEntries([...counts].sort(([a], [b]) => a.localeCompare(b)));
  assert.equal(byReason(rows.map(({ reason, n }) => [reason, n] as const)), byReason(expected));
});

test('the innocent feed did not notice', async () => {
  assert.ok(acceptedTicks > 0);
  await innocent.assertUnharmed();
});
