import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { fastify, type FastifyInstance } from 'fastify';
import * as assert from 'uvu/assert';
import { addPageRoutes } from '../../src/http/page-routes.ts';
import { readPageProgram } from '../../src/stack/page-bundle.ts';
import { suite } from '../support/suite.ts';

const test = suite('the page’s files');
let app: FastifyInstance;

test.before(() => {
  app = fastify();
  addPageRoutes(app, readPageProgram);
});
test.after(() => app.close());

const FILES: Readonly<Record<string, string>> = {
  '/': 'text/html; charset=utf-8',
  '/dashboard.css': 'text/css; charset=utf-8',
  '/dashboard.svg': 'image/svg+xml',
  '/dashboard.js': 'text/javascript; charset=utf-8',
};

for (const [path, type] of Object.entries(FILES)) {
  test(`${path}: its type, checked again at each use, allowed nothing from elsewhere`, async () => {
    const answer = await app.inject(path);
    assert.is(answer.statusCode, 200);
    assert.is(answer.headers['content-type'], type);
    assert.is(answer.headers['cache-control'], 'no-cache');
    assert.is(answer.headers['x-content-type-options'], 'nosniff');
    const policy = String(answer.headers['content-security-policy']);
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'; /);
    assert.not.match(policy, /unsafe|\*|https?:/);
    const again = await app.inject({ url: path, headers: { 'if-none-match': String(answer.headers.etag) } });
    assert.is(again.statusCode, 304);
    const packed = await app.inject({ url: path, headers: { 'accept-encoding': 'gzip' } });
    if (answer.rawPayload.length > 1_024) assert.is(gunzipSync(packed.rawPayload).toString(), answer.body);
  });
}

test('the page names its own files only, and holds no script, style or handler in itself', async () => {
  const { body } = await app.inject('/');
  const named = [...body.matchAll(/(?:src|href)="([^"]*)"/g)].map((match) => `/${match[1] ?? ''}`);
  assert.equal(
    [...new Set(named)].filter((path) => !(path in FILES)),
    [],
  );
  assert.not.match(body, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/);
});

test('the program is one module for browsers, small enough to be there at once', async () => {
  const { body, rawPayload } = await app.inject('/dashboard.js');
  assert.not.match(body, /\bimport\b\s*[{*"'(]|\brequire\(|\bBuffer\b|\bprocess\./);
  assert.ok(rawPayload.length < 64 * 1024, `${rawPayload.length} bytes`);
});

test('every text that the page asks for is there', async () => {
  const { body } = await app.inject('/');
  const texts = await readFile(new URL('../../clients/dashboard/texts.ts', import.meta.url), 'utf8');
  for (const [, name = ''] of body.matchAll(/data-text="(\w+)"/g)) assert.match(texts, new RegExp(`^  ${name}: `, 'm'));
});

test('nothing else of the folder is served', async () => {
  for (const path of ['/dashboard.ts', '/index.html', '/market.ts', '/../package.json', '/dashboard.bundle.js']) {
    assert.is((await app.inject(path)).statusCode, 404, path);
  }
});
