import { bearer, tokenOf } from './gateway-under-test.ts';
import { upgradeRequest } from './stranger-socket.ts';

/** One request on the gateway's port, and how it must be answered. Ids are those of the list the table was made from. */
export interface UpgradeCase {
  readonly id: string;
  readonly name: string;
  readonly request: string;
  /** `closed`: no answer, the connection ends. Several where what Node does differs by version. */
  readonly expected: ReadonlyArray<number | 'closed'>;
  /** Headers of the answer, by lower-case name. */
  readonly headers?: Readonly<Record<string, RegExp>>;
}

type Changes = Readonly<Record<string, string | readonly string[] | undefined>>;

const AUTH = bearer('feed');

/** An upgrade that would be accepted but for `changes`. */
function changed(changes: Changes, requestLine?: string): string {
  return upgradeRequest({ changes: { ...AUTH, ...changes }, ...(requestLine === undefined ? {} : { requestLine }) });
}

const manyHeaders = Object.fromEntries(Array.from({ length: 1_500 }, (_, at) => [`h${at}`, '1']));
const seventyHeaders = Object.fromEntries(Array.from({ length: 70 }, (_, at) => [`X-Header-${at}`, '1']));
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

export const UPGRADE_CASES: readonly UpgradeCase[] = [
  { id: 'U0', name: 'a correct upgrade', request: changed({}), expected: [101] },
  {
    id: 'U1',
    name: 'GET without an upgrade',
    request: 'GET /v1/feed HTTP/1.1\r\nHost: gateway.test\r\n\r\n',
    expected: [426],
    headers: { upgrade: /^websocket$/ },
  },
  {
    id: 'U2',
    name: 'POST',
    request: changed({}, 'POST /v1/feed HTTP/1.1'),
    expected: [405],
    headers: { allow: /GET/ },
  },
  { id: 'U3', name: 'an unknown path', request: changed({}, 'GET /v1/nothing HTTP/1.1'), expected: [404] },
  { id: 'U3', name: 'a path below the endpoint', request: changed({}, 'GET /v1/feed/x HTTP/1.1'), expected: [404] },
  { id: 'U4', name: 'no key', request: changed({ 'Sec-WebSocket-Key': undefined }), expected: [400] },
  { id: 'U4', name: 'a short key', request: changed({ 'Sec-WebSocket-Key': 'c2hvcnQ=' }), expected: [400] },
  { id: 'U4', name: 'two keys', request: changed({ 'Sec-WebSocket-Key': [KEY, KEY] }), expected: [400] },
  {
    id: 'U5',
    name: 'version 12',
    request: changed({ 'Sec-WebSocket-Version': '12' }),
    expected: [400],
    headers: { 'sec-websocket-version': /13/ },
  },
  { id: 'U5', name: 'no version', request: changed({ 'Sec-WebSocket-Version': undefined }), expected: [400] },
  { id: 'U6', name: 'version 8', request: changed({ 'Sec-WebSocket-Version': '8' }), expected: [400] },
  { id: 'U7', name: 'HTTP/1.0', request: changed({}, 'GET /v1/feed HTTP/1.0'), expected: [400] },
  { id: 'U7', name: 'HTTP/2.0', request: changed({}, 'GET /v1/feed HTTP/2.0'), expected: [400, 'closed'] },
  { id: 'U8', name: 'Upgrade: h2c', request: changed({ Upgrade: 'h2c' }), expected: [400] },
  { id: 'U8', name: 'Upgrade: websocket, h2c', request: changed({ Upgrade: 'websocket, h2c' }), expected: [400] },
  { id: 'U9', name: 'a body', request: `${changed({ 'Content-Length': '4' })}\x82\x80ab`, expected: [400] },
  {
    id: 'U9',
    name: 'a chunked body',
    request: `${changed({ 'Transfer-Encoding': 'chunked' })}0\r\n\r\n`,
    expected: [400],
  },
  {
    id: 'U10',
    name: 'a known subprotocol',
    request: changed({ 'Sec-WebSocket-Protocol': 'tickgate.v1.json' }),
    expected: [101],
  },
  {
    id: 'U10',
    name: 'an unknown subprotocol is refused and not echoed',
    request: changed({ 'Sec-WebSocket-Protocol': 'chat' }),
    expected: [400],
    headers: { 'sec-websocket-protocol': /^$/ },
  },
  {
    id: 'U11',
    name: 'a malformed subprotocol',
    request: changed({ 'Sec-WebSocket-Protocol': 'tickgate.v1.json,,' }),
    expected: [400],
  },
  {
    id: 'U11',
    name: 'a subprotocol twice',
    request: changed({ 'Sec-WebSocket-Protocol': 'tickgate.v1.json, tickgate.v1.json' }),
    expected: [400],
  },
  {
    id: 'U12',
    name: 'compression with senseless parameters is not agreed to',
    request: changed({ 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits=99; x="' }),
    expected: [101],
    headers: { 'sec-websocket-extensions': /^$/ },
  },
  { id: 'U13', name: 'headers of 9 KiB', request: changed({ 'X-Large': 'x'.repeat(9_000) }), expected: [431] },
  {
    id: 'U13',
    name: 'one header of 1 MiB',
    request: changed({ 'X-Large': 'x'.repeat(1 << 20) }),
    expected: [431, 'closed'],
  },
  { id: 'U14', name: '1,500 headers', request: changed(manyHeaders), expected: [400, 431] },
  { id: 'U14', name: '70 headers', request: changed(seventyHeaders), expected: [400] },
  {
    id: 'U15',
    name: 'a header __proto__',
    request: changed({ ['__proto__x']: '1', constructor: '1' }),
    expected: [101, 400],
  },
  {
    id: 'U15',
    name: 'the header __proto__ itself',
    request: changed({}).replace('\r\nHost', '\r\n__proto__: 1\r\nHost'),
    expected: [101, 400],
  },
  {
    id: 'U16',
    name: 'an address of 3 KiB',
    request: changed({}, `GET /v1/feed?${'x'.repeat(3_000)} HTTP/1.1`),
    expected: [400],
  },
  { id: 'U16', name: 'NUL in the address', request: changed({}, 'GET /v1/fe\0ed HTTP/1.1'), expected: [400, 'closed'] },
  { id: 'U16', name: '// in the path', request: changed({}, 'GET //v1/feed HTTP/1.1'), expected: [400] },
  { id: 'U16', name: 'an encoded slash', request: changed({}, 'GET /v1%2ffeed HTTP/1.1'), expected: [400] },
  {
    id: 'U16',
    name: 'a whole address',
    request: changed({}, 'GET http://other.test/v1/feed HTTP/1.1'),
    expected: [400],
  },
  {
    id: 'U17',
    name: 'a browser on the feed path',
    request: changed({ Origin: 'http://gateway.test' }),
    expected: [403],
  },
  { id: 'U18', name: 'Origin: null', request: changed({ Origin: 'null' }), expected: [403] },
  { id: 'U18', name: 'an empty Origin', request: changed({ Origin: '' }), expected: [403] },
  {
    id: 'U19',
    name: 'a wrong token',
    request: changed({ Authorization: 'Bearer wrong' }),
    expected: [401],
    headers: { 'www-authenticate': /Bearer/ },
  },
  { id: 'U19', name: 'another scheme', request: changed({ Authorization: 'Basic Zm9vOmJhcg==' }), expected: [401] },
  {
    id: 'U19',
    name: 'a token of 2,000 characters',
    request: changed({ Authorization: `Bearer ${'x'.repeat(2_000)}` }),
    expected: [401],
  },
  {
    id: 'U19',
    name: 'a token and one letter',
    request: changed({ Authorization: `Bearer ${tokenOf('feed')}x` }),
    expected: [401],
  },
  {
    id: 'U19',
    name: 'a token in the address does not count: not authenticated yet',
    request: changed({ Authorization: undefined }, `GET /v1/feed?token=${tokenOf('feed')} HTTP/1.1`),
    expected: [101],
  },
  {
    id: 'U20',
    name: 'a dashboard’s token',
    request: changed({ Authorization: bearer('live').Authorization }),
    expected: [403],
  },
  {
    id: 'U26',
    name: 'TLS on the plain port',
    request: '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    expected: [400, 'closed'],
  },
  { id: 'U26', name: 'bytes that are no HTTP', request: '\0\0\0\0\xff\xff\r\n\r\n', expected: [400, 'closed'] },
  { id: 'U29', name: 'no Host', request: changed({ Host: undefined }), expected: [400] },
  { id: 'U29', name: 'a header with NUL', request: changed({ 'X-Nul': 'a\0b' }), expected: [400] },
  {
    id: 'U29',
    name: 'Content-Length twice, unequal',
    request: 'POST /healthz HTTP/1.1\r\nHost: g\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
    expected: [400],
  },
  {
    id: 'U29',
    name: 'both lengths of a body',
    request: 'POST /healthz HTTP/1.1\r\nHost: g\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    expected: [400],
  },
  {
    id: 'U29',
    name: 'a body of 1 MiB',
    request: `POST /healthz HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\nContent-Length: 1048576\r\n\r\n`,
    expected: [404, 413],
  },
];
