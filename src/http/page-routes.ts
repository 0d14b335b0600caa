import { readFile } from 'node:fs/promises';
import compress from '@fastify/compress';
import etag from '@fastify/etag';
import type { FastifyInstance } from 'fastify';

const FOLDER = new URL('../../clients/dashboard/', import.meta.url);
const COMPRESS_FROM_BYTES = 1_024;

/**
 * Nothing from elsewhere, nothing inline, in nobody's frame. `connect-src 'self'` covers the WebSocket of the same
 * address.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const FILES: ReadonlyArray<readonly [path: string, type: string, read: () => Promise<string>]> = [
  ['/', 'text/html; charset=utf-8', () => readText('index.html')],
  ['/dashboard.css', 'text/css; charset=utf-8', () => readText('dashboard.css')],
  ['/dashboard.svg', 'image/svg+xml', () => readText('dashboard.svg')],
];

/**
 * Adds the page at `/` and its parts. They need no token: prices come over the API and the
 * live endpoint, under theirs.
 * @param readProgram the page's program as one browser module, from the page's folder; read once
 */
export function addPageRoutes(app: FastifyInstance, readProgram: (folder: URL) => Promise<string>): void {
  void app.register(async (page) => {
    await page.register(etag, { weak: true });
    await page.register(compress, { threshold: COMPRESS_FROM_BYTES, encodings: ['gzip', 'deflate'] });
    const program = ['/dashboard.js', 'text/javascript; charset=utf-8', () => readProgram(FOLDER)] as const;
    for (const [path, type, read] of [...FILES, program]) {
      const content = once(read);
      page.get(path, async (_request, reply) =>
        reply
          .type(type)
          .headers({
            'Cache-Control': 'no-cache',
            'Content-Security-Policy': CONTENT_SECURITY_POLICY,
            'Cross-Origin-Opener-Policy': 'same-origin',
            'Referrer-Policy': 'no-referrer',
            'X-Content-Type-Options': 'nosniff',
          })
          .send(await content()),
      );
    }
  });
}

function readText(name: string): Promise<string> {
  return readFile(new URL(name, FOLDER), 'utf8');
}

/** Reads at the first call; again after a failure. */
function once<T>(read: () => Promise<T>): () => Promise<T> {
  let reading: Promise<T> | undefined;
  return async () => {
    reading ??= read().catch((error: unknown) => {
      reading = undefined;
      throw error;
    });
    return reading;
  };
}
