import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

export type ScriptName =
  | 'open'
  | 'prepare-renewal'
  | 'renew'
  | 'append'
  | 'release'
  | 'invalidate'
  | 'trim'
  | 'backlog-age';

interface Script {
  readonly source: string;
  readonly sha: string;
}

const NAMES: readonly ScriptName[] = [
  'open',
  'prepare-renewal',
  'renew',
  'append',
  'release',
  'invalidate',
  'trim',
  'backlog-age',
];

const SCRIPTS: ReadonlyMap<ScriptName, Script> = new Map(
  NAMES.map((name) => {
    const source = readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), 'utf8');
    return [name, { source, sha: createHash('sha1').update(source).digest('hex') }];
  }),
);

/**
 * Runs a script once. A script that Redis does not know yet was not run, so it is then sent whole; nothing else is
 * ever sent twice.
 */
export async function runScript(
  client: Redis,
  name: ScriptName,
  keys: readonly string[],
  args: ReadonlyArray<string | number | Buffer>,
): Promise<unknown> {
  const script = SCRIPTS.get(name);
  if (script === undefined) throw new RangeError(`no script ${name}`);
  try {
    return await client.call('EVALSHA', script.sha, keys.length, ...keys, ...args);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
    return client.call('EVAL', script.source, keys.length, ...keys, ...args);
  }
}

/** The words of a script's answer. */
export function answerWords(answer: unknown): string[] {
  return Array.isArray(answer) ? answer.map(String) : [String(answer)];
}
