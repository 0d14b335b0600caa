import { createHmac } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../src/config.ts';
import { UsageError } from '../../src/errors.ts';
import { AccessTokens, type Authentication } from '../../src/http/access-tokens.ts';
import { accessOptions } from '../../src/http/tokens/access-settings.ts';
import { JWT_ALGORITHMS } from '../../src/http/tokens/jwt-keys.ts';
import { setLogLevel } from '../../src/logger.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';
import { AUDIENCE, ISSUER, jwksOf, TestKey, type TokenChanges } from '../support/test-issuer.ts';
import { until } from '../support/test-market.ts';
import { tokenOf, tokenRow } from '../support/test-tokens.ts';

const TOLERANCE_MS = 5_000;
const test = suite('access by JWT');
const key = new TestKey('one');
const other = new TestKey('two');
let folder = '';
let file = '';
test.before(async () => {
  setLogLevel('silent');
  folder = await mkdtemp(join(tmpdir(), 'tickgate-jwt-'));
  file = join(folder, 'key');
});
test.after(() => rm(folder, { recursive: true }));

/** Access by the key in the file, with settings as the gateway reads them. */
async function accessBy(keyText: string, settings: Record<string, string> = {}): Promise<AccessTokens> {
  await writeFile(file, keyText);
  return new AccessTokens(undefined, optionsOf({ JWT_KEY_FILE: file, ...settings }));
}

function optionsOf(settings: Record<string, string>): ReturnType<typeof accessOptions> {
  return accessOptions(loadConfig({ JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE, ...settings }));
}

async function nameOf(verdict: Authentication | Promise<Authentication>): Promise<string | undefined> {
  const principal = await verdict;
  return typeof principal === 'object' ? principal.name : principal;
}

for (const alg of JWT_ALGORITHMS.filter((each) => each !== 'Ed25519')) {
  test(`${alg}: a token of the key is taken, by PEM and by JWK`, async () => {
    const pair = new TestKey('k', alg);
    for (const text of [pair.pem, JSON.stringify(pair.jwk), jwksOf(other, pair)]) {
      using tokens = await accessBy(text);
      assert.is(await nameOf(tokens.authenticate(await pair.sign())), 'jwt:desk', text.slice(0, 20));
    }
  });
}

const BAD_TOKENS: ReadonlyArray<readonly [name: string, changes: TokenChanges]> = [
  ['another issuer', { claims: { iss: 'https://evil.test/' } }],
  ['another audience', { claims: { aud: 'other' } }],
  ['no audience', { claims: { aud: undefined } }],
  ['no expiry', { claims: { exp: undefined } }],
  ['an expiry in the past', { claims: { exp: Math.floor(Date.now() / 1_000) - 60 } }],
  ['an expiry that is a text', { claims: { exp: '9999999999' } }],
  ['a beginning in the future', { claims: { nbf: Math.floor(Date.now() / 1_000) + 60 } }],
  ['no name', { claims: { sub: undefined } }],
  ['a name that is too long', { claims: { sub: 'x'.repeat(1_000) } }],
  ['roles that are a number', { claims: { roles: 7 } }],
  ['a role that is an object', { claims: { roles: ['live', {}] } }],
  ['a critical header that nobody knows', { header: { crit: ['x'], x: 1 } }],
  ['more than 4 KB', { claims: { padding: 'x'.repeat(4_096) } }],
];
for (const [name, changes] of BAD_TOKENS) {
  test(`refused: ${name}`, async () => {
    using tokens = await accessBy(key.pem);
    assert.is(await tokens.authenticate(await signed(changes)), undefined);
    assert.is(await nameOf(tokens.authenticate(await key.sign())), 'jwt:desk');
  });
}

/** jose refuses to make some of the tokens that it has to refuse. */
async function signed(changes: TokenChanges): Promise<string> {
  if (changes.header === undefined) return key.sign(changes);
  const [, payload = '', signature = ''] = (await key.sign()).split('.');
  const header = { alg: key.alg, kid: key.kid, ...changes.header };
  return `${base64(header)}.${payload}.${signature}`;
}

const base64 = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');

test('refused: a forged signature, another key, none, and HMAC with the public key as its secret', async () => {
  using tokens = await accessBy(key.pem);
  const [header = '', payload = '', signature = ''] = (await key.sign()).split('.');
  const hmacHeader = base64({ alg: 'HS256' });
  const hmac = createHmac('sha256', key.pem).update(`${hmacHeader}.${payload}`).digest('base64url');
  const forged = [
    `${header}.${payload}.${signature.slice(0, -4)}AAAA`,
    `${header}.${base64({ iss: ISSUER, aud: AUDIENCE, sub: 'x', exp: 9_999_999_999 })}.${signature}`,
    await other.sign({ header: { kid: key.kid } }),
    `${base64({ alg: 'none' })}.${payload}.`,
    `${base64({ alg: 'none' })}.${payload}.AA`,
    `${hmacHeader}.${payload}.${hmac}`,
    `${header}.${payload}`,
    '..',
    'a.b.c',
  ];
  for (const token of forged) assert.is(await tokens.authenticate(token), undefined, token);
});

test('a key that is no public key for signatures is not taken', async () => {
  const bad = {
    'a private key': key.privatePem,
    'a shared secret': JSON.stringify({ keys: [{ kty: 'oct', k: 'c2VjcmV0', alg: 'HS256' }] }),
    'a key for encryption': JSON.stringify({ keys: [{ ...key.jwk, use: 'enc' }] }),
    'an empty set': '{"keys":[]}',
    'no key': 'hello',
    'broken JSON': '{"keys":[',
  };
  for (const [name, text] of Object.entries(bad)) {
    try {
      (await accessBy(text))[Symbol.dispose]();
      assert.unreachable(name);
    } catch (error) {
      assert.instance(error, UsageError, name);
      assert.match(String(error), /JWT_KEY_FILE/);
      assert.not.match(String(error), /c2VjcmV0|hello/);
    }
  }
});

test('claims give the rights, at any depth; a claim that is configured and absent gives none', async () => {
  const claims = {
    JWT_ROLES_CLAIM: 'realm.roles',
    JWT_FEEDS_CLAIM: 'https://id.test/feeds',
    JWT_SYMBOLS_CLAIM: 'symbols',
  };
  using tokens = await accessBy(key.pem, { ...claims, JWT_NAME_CLAIM: 'email' });
  const rights = async (given: Record<string, unknown>): Promise<unknown> => {
    const principal = await tokens.authenticate(
      await key.sign({ claims: { email: 'a@b.test', roles: undefined, ...given } }),
    );
    assert.ok(typeof principal === 'object');
    const { name, symbols } = principal;
    const seen = symbols === '*' ? symbols : [...symbols];
    return [name, principal.mayPublish('egx-1'), principal.mayPublish('x'), principal.maySubscribe('COMI'), seen];
  };
  const both = { realm: { roles: ['feed', 'tickgate:live', 'admin'] } };
  const lists = { 'https://id.test/feeds': ['egx-*'], symbols: 'COMI ETEL' };
  assert.equal(await rights({ ...both, ...lists }), ['jwt:a@b.test', true, false, true, ['COMI', 'ETEL']]);
  assert.equal(await rights(both), ['jwt:a@b.test', false, false, false, []]);
  assert.equal(await rights(lists), ['jwt:a@b.test', false, false, false, ['COMI', 'ETEL']]);
  assert.equal(await rights({ ...both, symbols: ['*'], email: '\u202e<x>\n' }), [
    'jwt:%E2%80%AE%3Cx%3E%0A',
    false,
    false,
    true,
    '*',
  ]);
});

test('a principal ends with exp and the allowance for clocks', async () => {
  const clock = new FakeClock(Date.UTC(2026, 0, 1));
  await writeFile(file, key.pem);
  using tokens = new AccessTokens(undefined, { ...optionsOf({ JWT_KEY_FILE: file }), clock });
  const token = await key.sign({}, clock.now());
  const principal = await tokens.authenticate(token);
  assert.ok(typeof principal === 'object');
  clock.jump(3_600_000 + TOLERANCE_MS - 1_000);
  assert.ok(tokens.isValid(principal));
  assert.is(await nameOf(tokens.authenticate(token)), 'jwt:desk');
  clock.jump(1_000);
  assert.not(tokens.isValid(principal));
  assert.not(tokens.isUndecided(principal));
  assert.is(await tokens.authenticate(token), undefined);
});

test('beside a tokens file both are taken; without one nobody else gets in', async () => {
  const tokensFile = join(folder, 'tokens.json');
  await writeFile(tokensFile, JSON.stringify({ tokens: [tokenRow('a', { roles: ['live'] })] }));
  await writeFile(file, key.pem);
  using tokens = new AccessTokens(tokensFile, optionsOf({ JWT_KEY_FILE: file }));
  assert.is(await nameOf(tokens.authenticate(tokenOf('a'))), 'a');
  assert.is(await nameOf(tokens.authenticate(await key.sign())), 'jwt:desk');
  using alone = await accessBy(key.pem);
  assert.not(alone.isOpen);
  assert.is(alone.authenticate(tokenOf('a')), undefined);
});

test('a key file that changes: the old key ends at once, its connections too; the new one works', async () => {
  using tokens = await accessBy(jwksOf(key), { JWT_KEY_FILE: '', JWT_JWKS_URL: pathToFileURL(file).href });
  let changes = 0;
  tokens.onReload(() => (changes += 1));
  const before = await tokens.authenticate(await key.sign());
  assert.ok(typeof before === 'object' && tokens.isValid(before));
  await writeFile(file, jwksOf(other));
  await until('the change is seen', () => changes > 0);
  assert.not(tokens.isValid(before));
  assert.is(await tokens.authenticate(await key.sign()), undefined);
  assert.is(await nameOf(tokens.authenticate(await other.sign())), 'jwt:desk');
});

/** Access by a JWKS that is fetched, on clocks that the test moves. */
function fetched(jwks: { text: string | Error }) {
  const clock = new FakeClock();
  const count = { fetches: 0 };
  const options = optionsOf({ JWT_JWKS_URL: 'https://id.test/jwks' });
  assert.ok(options.jwt !== undefined);
  const fetchText = async (): Promise<string> => {
    count.fetches += 1;
    if (jwks.text instanceof Error) throw jwks.text;
    return jwks.text;
  };
  const jwt = { ...options.jwt, keys: { ...options.jwt.keys, fetchText } };
  const tokens = new AccessTokens(undefined, { jwt, clock, monotonicMs: () => clock.now() });
  return { clock, count, tokens };
}

test('keys that are rotated: an unknown kid has the JWKS fetched again, at most once in 30 s', async () => {
  const jwks = { text: jwksOf(key) };
  const { clock, count, tokens } = fetched(jwks);
  assert.is(await nameOf(tokens.authenticate(await key.sign())), 'jwt:desk');
  assert.is(count.fetches, 1);
  jwks.text = jwksOf(other);
  const many = await Promise.all(
    Array.from({ length: 20 }, async () => nameOf(tokens.authenticate(await other.sign({}, clock.now())))),
  );
  assert.equal(new Set(many), new Set(['jwt:desk']), 'all of them wait for the one fetch');
  assert.is(count.fetches, 2);
  const unknown = await new TestKey('three').sign({}, clock.now());
  assert.is(await tokens.authenticate(unknown), 'not-now', 'it may be known in a moment: it is not refused for good');
  assert.is(count.fetches, 2);
  await clock.advance(30_000);
  assert.is(await tokens.authenticate(unknown), undefined);
  assert.is(count.fetches, 3);
  tokens[Symbol.dispose]();
});

test('an issuer that is away: the last keys count for JWT_KEYS_MAX_AGE_MS, and readyz says so', async () => {
  const jwks: { text: string | Error } = { text: jwksOf(key) };
  const { clock, tokens } = fetched(jwks);
  const token = await key.sign({ claims: { exp: 9_999_999_999 } });
  const principal = await tokens.authenticate(token);
  assert.ok(typeof principal === 'object');
  jwks.text = new Error('away');
  await clock.advance(301_000);
  assert.match(tokens.health['jwt_keys']?.detail ?? '', /away.*count for 3\d\d\d s/);
  assert.ok(tokens.health['jwt_keys']?.ok, 'nothing fails yet');
  assert.is(await nameOf(tokens.authenticate(token)), 'jwt:desk');
  clock.jump(3_600_000);
  await clock.advance(1_000);
  assert.not(tokens.health['jwt_keys']?.ok);
  assert.is(await tokens.authenticate(token), 'not-now');
  assert.not(tokens.isValid(principal));
  assert.ok(tokens.isUndecided(principal), 'its client may connect again when the issuer is back');
  jwks.text = jwksOf(key);
  await clock.advance(6_000);
  assert.is(await nameOf(tokens.authenticate(token)), 'jwt:desk');
  tokens[Symbol.dispose]();
});

const BAD_SETTINGS: ReadonlyArray<readonly [settings: Record<string, string>, said: RegExp]> = [
  [{ JWT_KEY_FILE: 'a', JWT_JWKS_URL: 'https://a' }, /both set/],
  [{ JWT_KEY_FILE: 'a', JWT_ISSUER: '' }, /JWT_ISSUER and JWT_AUDIENCE/],
  [{ JWT_KEY_FILE: 'a', JWT_AUDIENCE: '' }, /JWT_ISSUER and JWT_AUDIENCE/],
  [{}, /no keys/],
  [{ JWT_KEY_FILE: '/nowhere/key.pem' }, /JWT_KEY_FILE: ENOENT/],
  [{ JWT_JWKS_URL: 'http://id.test/jwks' }, /file: or https: only/],
  [{ JWT_JWKS_URL: 'ftp://id.test/jwks' }, /file: or https: only/],
];
for (const [settings, said] of BAD_SETTINGS) {
  test(`refused at the start: ${JSON.stringify(settings)}`, () => {
    try {
      new AccessTokens(undefined, optionsOf(settings))[Symbol.dispose]();
      assert.unreachable('it was taken');
    } catch (error) {
      assert.instance(error, UsageError);
      assert.match(String(error), said);
    }
  });
}
