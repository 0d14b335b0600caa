import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import * as assert from 'uvu/assert';
import { addressKey, clientAddress, isLoopback, isLoopbackHost } from '../../src/http/client-address.ts';
import { suite } from '../support/suite.ts';

const test = suite('client address');

const KEYS: ReadonlyArray<readonly [address: string, key: string]> = [
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::', '2001:db8:1:2::/64'],
  ['2001:DB8:0001:2::9', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['', ''],
  ['no address', 'no address'],
];
for (const [address, key] of KEYS) test(`"${address}" is counted as ${key}`, () => assert.is(addressKey(address), key));

function requestFrom(forwarded: string | undefined): IncomingMessage {
  const request = new IncomingMessage(new Socket());
  if (forwarded !== undefined) request.headers['x-forwarded-for'] = forwarded;
  return request;
}

const FORWARDED: ReadonlyArray<readonly [header: string | undefined, trusted: string]> = [
  [undefined, ''],
  ['', ''],
  ['192.0.2.1', '192.0.2.1'],
  ['10.0.0.1, 192.0.2.1', '192.0.2.1'],
  ['192.0.2.1:50000', '192.0.2.1'],
  ['[2001:db8::1]:50000', '2001:db8::1'],
  ['2001:db8::1', '2001:db8::1'],
  ['192.0.2.1, unknown', ''],
  ['x'.repeat(4_000), ''],
];
for (const [header, trusted] of FORWARDED) {
  test(`X-Forwarded-For ${(header ?? 'absent').slice(0, 40)}: the last one the proxy added, if it is an address`, () => {
    assert.is(clientAddress(requestFrom(header), true), trusted);
    assert.is(clientAddress(requestFrom(header), false), '');
  });
}

test('loopback', () => {
  for (const address of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']) assert.ok(isLoopback(address), address);
  for (const address of [undefined, '', '0.0.0.0', '::', '128.0.0.1', '127.evil.test', '10.127.0.1', '::ffff:10.0.0.1'])
    assert.not(isLoopback(address), address);
});

test('a Host header that names this machine', () => {
  for (const host of ['localhost', 'LOCALHOST:8080', '127.0.0.1', '127.0.0.1:8080', '[::1]', '[::1]:8080'])
    assert.ok(isLoopbackHost(host), host);
  for (const host of [
    '',
    'evil.test',
    'localhost.evil.test:8080',
    '127.0.0.1.evil.test',
    'evil.test:localhost',
    '0.0.0.0',
  ])
    assert.not(isLoopbackHost(host), host);
});
