const TIMEOUT_MS = 5_000;
const MAX_BYTES = 256 * 1024;

/** Fetches a JWKS: at most 256 KiB, within 5 s, without following redirects. @throws where the answer is not that */
export async function fetchKeys(url: URL): Promise<string> {
  const response = await fetch(url, {
    redirect: 'error',
    headers: { Accept: 'application/json' },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!response.ok || response.body === null) throw new Error(`the issuer answers HTTP ${response.status}`);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BYTES) throw new Error(`the issuer's answer is larger than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
