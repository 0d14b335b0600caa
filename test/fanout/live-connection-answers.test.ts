import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';
import { ANYONE, auth, type ConnectOptions, LiveParts, principal, subscribe } from './fakes/live-parts.ts';

const test = suite('LiveConnection: answers');

const ANSWERS: ReadonlyArray<
  readonly [name: string, options: ConnectOptions, requests: readonly object[], answers: string, close?: number]
> = [
  ['nothing is sent', {}, [], 'connected'],
  ['a good token', {}, [auth('good')], 'connected, authenticated'],
  [
    'key and secret, as the SDKs send them',
    {},
    [{ action: 'auth', key: 'k', secret: 'good' }],
    'connected, authenticated',
  ],
  ['an unknown token', {}, [auth('bad')], 'connected, error 402', 4500],
  ['a token twice', {}, [auth('good'), auth('good')], 'connected, authenticated, error 403'],
  ['a token that may not watch', {}, [auth('publisher')], 'connected, error 409', 4509],
  ['a subscription before the token', {}, [subscribe({ trades: ['A'] })], 'connected, error 401', 4500],
  ['a token in the header', { principal: ANYONE }, [], 'connected, authenticated'],
  ['a header without the right', { principal: principal('*', false) }, [], 'connected, error 409', 4509],
  ['a token in both', { principal: ANYONE }, [auth('good')], 'connected, authenticated, authenticated'],
  ['an open gateway', { principal: ANYONE, isOpen: true }, [], 'connected'],
  ['an open gateway and a token', { principal: ANYONE, isOpen: true }, [auth('any')], 'connected, authenticated'],
  ['an open gateway: no token', { principal: ANYONE, isOpen: true }, [subscribe({})], 'connected, subscription'],
  ['an unknown action', { principal: ANYONE }, [{ action: 'dance' }], 'connected, authenticated, error 400', 4501],
  ['a request for feeds', { principal: ANYONE }, [{ action: 'publish' }], 'connected, authenticated, error 410'],
  [
    'an unknown option',
    { principal: ANYONE },
    [subscribe({ trades: [], speed: 1 })],
    'connected, authenticated, error 400',
    4501,
  ],
  [
    'a name that no symbol can have',
    { principal: ANYONE },
    [subscribe({ trades: ['a b'] })],
    'connected, authenticated, error 400',
  ],
  [
    'more symbols than a connection may name, over all channels',
    { principal: ANYONE },
    [subscribe({ trades: ['A', 'B'], bars: ['C'] }), subscribe({ updatedBars: ['D'] })],
    'connected, authenticated, subscription, error 405',
  ],
  [
    'a symbol that the token may not see',
    {},
    [auth('narrow'), subscribe({ trades: ['A'] }), subscribe({ trades: ['C'] }), subscribe({ flushes: ['*'] })],
    'connected, authenticated, subscription, error 409, error 409',
  ],
  [
    'resume without trades',
    { principal: ANYONE },
    [subscribe({ bars: ['A'], resume: 'x' })],
    'connected, authenticated, error 400',
  ],
  [
    'resume after the first subscription',
    { principal: ANYONE },
    [subscribe({ trades: ['A'] }), subscribe({ trades: ['B'], resume: 'x' })],
    'connected, authenticated, subscription, error 400',
  ],
];

for (const [name, options, requests, answers, close] of ANSWERS) {
  test(`answer to ${name}: ${answers}${close === undefined ? '' : `, closed with ${close}`}`, async () => {
    using parts = await new LiveParts().up();
    const dashboard = parts.connect(options);
    for (const request of requests) dashboard.send(request);
    assert.is(dashboard.take().join(', '), answers);
    assert.is(dashboard.socket.closedWith, close);
    assert.is(parts.hub.subscribers, close === undefined ? 1 : 0);
    dashboard.send(auth('good'));
    if (close !== undefined) assert.equal(dashboard.take(), [], 'closed: nothing is answered');
  });
}
