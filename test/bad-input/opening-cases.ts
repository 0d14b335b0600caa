import { error, firstFrame, frame, type Message, open, opened, type ProtocolCase, start, TICK } from './dialogue.ts';
import { tokenOf } from './gateway-under-test.ts';

function refusedOpen(id: string, name: string, more: Message): ProtocolCase {
  return { id, name, token: 'feed', steps: [{ say: open(more) }, error(400), { close: 4501 }] };
}

/** Tokens, rights, and what an open may say. */
export const OPENING_CASES: readonly ProtocolCase[] = [
  {
    id: 'S0',
    name: 'a feed as it should be',
    token: 'feed',
    steps: [...start, ...firstFrame, { hear: { T: 'committed', seq: 1 } }],
  },
  {
    id: 'S1',
    name: 'a numbered frame before the open',
    token: 'feed',
    steps: [{ say: frame(1, 0) }, error(400), { close: 4501 }],
  },
  {
    id: 'S1',
    name: 'a skip before the open',
    token: 'feed',
    steps: [{ say: { action: 'skip', to: 0, next: 5 } }, error(400), { close: 4501 }],
  },
  {
    id: 'S1',
    name: 'an open before the token',
    token: undefined,
    steps: [{ say: open() }, error(401), { close: 4500 }],
  },
  {
    id: 'S1',
    name: 'a frame before the token',
    token: undefined,
    steps: [{ say: frame(1, 0) }, error(401), { close: 4500 }],
  },
  {
    id: 'S1',
    name: 'a wrong token',
    token: undefined,
    steps: [{ say: { action: 'auth', token: 'wrong' } }, error(402), { close: 4500 }],
  },
  {
    id: 'S1',
    name: 'an empty token',
    token: undefined,
    steps: [{ say: { action: 'auth', token: '' } }, error(402), { close: 4500 }],
  },
  {
    id: 'S1',
    name: 'a token that is a number',
    token: undefined,
    steps: [{ say: { action: 'auth', token: 1 } }, error(400), { close: 4501 }],
  },
  {
    id: 'S1',
    name: 'a token of more than 4 KB',
    token: undefined,
    steps: [{ say: { action: 'auth', token: 'x'.repeat(4_097) } }, error(400), { close: 4501 }],
  },
  {
    id: 'S1',
    name: 'a good token by message, and a second one',
    token: undefined,
    steps: [
      { say: { action: 'auth', key: 'any', secret: tokenOf('feed') } },
      { hear: { T: 'success', msg: 'authenticated' } },
      { say: { action: 'auth', token: tokenOf('feed') } },
      error(403),
      ...start,
    ],
  },
  {
    id: 'S1',
    name: 'a second open goes on with the first',
    token: 'feed',
    steps: [
      ...start,
      ...firstFrame,
      { say: open({ instance: 'one', attempt: 2, have: 1 }) },
      opened(1),
      { say: frame(2, 1) },
      { hear: { T: 'ack', seq: 2 } },
    ],
  },
  {
    id: 'S1',
    name: 'an open of another feed leaves the first',
    token: 'feed',
    steps: [...start, ...firstFrame, { say: open({ feed: '$-other' }) }, opened(0), ...firstFrame],
  },
  {
    id: 'S2',
    name: 'a feed that the token may not publish',
    token: 'narrow',
    steps: [{ say: open({ feed: 'other' }) }, error(409), { close: 4509 }],
  },
  {
    id: 'S2',
    name: 'a feed whose name begins alike',
    token: 'narrow',
    steps: [{ say: open({ feed: 'egx' }) }, error(409), { close: 4509 }],
  },
  {
    id: 'S2',
    name: 'a feed that the token may publish',
    token: 'narrow',
    steps: [{ say: open({ feed: 'egx-$' }) }, opened(0)],
  },
  {
    id: 'S2',
    name: 'a dashboard’s token by message',
    token: undefined,
    steps: [
      { say: { action: 'auth', token: tokenOf('live') } },
      { hear: { msg: 'authenticated' } },
      { say: open() },
      error(409),
      { close: 4509 },
    ],
  },
  {
    id: 'S2',
    name: 'an unnumbered frame with a dashboard’s token',
    token: undefined,
    steps: [
      { say: { action: 'auth', token: tokenOf('live') } },
      { say: { action: 'publish', ticks: [TICK] } },
      error(409),
      { close: 4509 },
    ],
  },
  {
    id: 'S2',
    name: 'an unnumbered frame with a token for certain feeds',
    token: 'narrow',
    steps: [{ say: { action: 'publish', ticks: [TICK] } }, error(409), { close: 4509 }],
  },
  refusedOpen('S2', 'a feed of the gateway’s own', { feed: '~gw-1' }),
  refusedOpen('S2', 'an empty feed name', { feed: '' }),
  refusedOpen('S2', 'a feed name of 65 characters', { feed: 'x'.repeat(65) }),
  refusedOpen('S2', 'a feed name that is a number', { feed: 7 }),
  refusedOpen('S2', 'a feed name with braces', { feed: '{egx}' }),
  refusedOpen('S12', 'a feed name with a line feed', { feed: 'a\nb' }),
  refusedOpen('S12', 'a feed name with colours for a terminal', { feed: '\u001b[31mred' }),
  refusedOpen('S12', 'an instance with a line feed', { instance: 'a\nb' }),
  refusedOpen('S12', 'an instance of 65 characters', { instance: 'x'.repeat(65) }),
  refusedOpen('S3', 'attempt 0', { attempt: 0 }),
  refusedOpen('S3', 'attempt 1.5', { attempt: 1.5 }),
  refusedOpen('S3', 'attempt as a text', { attempt: '1' }),
  refusedOpen('S3', 'have -1', { have: -1 }),
  refusedOpen('S3', 'have 2^53', { have: 2 ** 53 }),
  refusedOpen('S3', 'live as a text', { live: 'no' }),
  {
    id: 'S3',
    name: 'have above what there is: the gateway tells what there is',
    token: 'feed',
    steps: [{ say: open({ instance: 'one', attempt: 2, have: 1_000 }) }, opened(0)],
  },
  {
    id: 'S4',
    name: 'an unknown member of open',
    token: 'feed',
    steps: [{ say: open({ v: 99 }) }, error(400), { close: 4501 }],
  },
];
