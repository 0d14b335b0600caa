import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { dockerAnswers } from '../../src/stack/docker-stack.ts';
import { ensureStack, findStack, stopStack } from '../../src/stack/ensure-stack.ts';
import { suite } from '../support/suite.ts';

/** Stands for the docker command: notes what it was asked, and fails where a file says so. */
const FAKE_DOCKER = `#!/bin/sh
here=$(dirname "$0")
echo "$* | $REDIS_PUBLISH $POSTGRES_PUBLISH $POSTGRES_DB" >> "$here/calls"
if [ -e "$here/fail" ] && echo "$*" | grep -q -f "$here/fail"; then echo "it broke" >&2; exit 1; fi
case "$*" in *"ps --quiet"*) [ -e "$here/up" ] && printf 'a1\\nb2\\n';; *" up "*) touch "$here/up";; *" down"*) rm -f "$here/up";; esac
exit 0
`;

const test = suite('docker stack (a stand-in for the docker command)');
const realPath = process.env['PATH'] ?? '';
let folder = '';
let stackDir = '';
const options = (): { stackDir: string; env: Record<string, string> } => ({ stackDir, env: {} });
const calls = async (): Promise<string[]> => (await readFile(join(folder, 'calls'), 'utf8')).trim().split('\n');
const lastDown = async (): Promise<string> => (await calls()).findLast((call) => call.includes(' down')) ?? '';
const failOn = (pattern: string): Promise<void> => writeFile(join(folder, 'fail'), pattern);

test.before.each(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickgate-docker-'));
  stackDir = join(folder, 'stack');
  await writeFile(join(folder, 'docker'), FAKE_DOCKER);
  await chmod(join(folder, 'docker'), 0o755);
  process.env['PATH'] = `${folder}:${realPath}`;
});
test.after.each(async () => {
  process.env['PATH'] = realPath;
  await rm(folder, { recursive: true, force: true });
});

test('up starts the two services on ports of this folder’s own, which stay', async () => {
  const first = await ensureStack(options());
  assert.is(first.way, 'docker');
  assert.equal(await ensureStack(options()), first);
  const ups = (await calls()).filter((call) => call.includes(' up '));
  assert.is(ups.length, 2);
  assert.is(ups[0], ups[1]);
  assert.match(
    ups[0] ?? '',
    /^compose --project-name tickgate-[0-9a-f]{8} --progress plain up --detach --wait redis timescaledb \|/,
  );
  assert.match(ups[0] ?? '', `127.0.0.1:${first.redisPort} 127.0.0.1:${first.postgresPort} egx_market`);
  assert.equal(await findStack(options()), first);
});

test('down keeps the volumes, fresh does not', async () => {
  await ensureStack(options());
  assert.is(await stopStack(options()), 2);
  assert.is(await findStack(options()), undefined);
  assert.match(await lastDown(), / down \|/);
  await ensureStack({ ...options(), fresh: true });
  assert.match(await lastDown(), / down --volumes \|/);
});

test('what compose says when it fails is shown', async () => {
  await failOn(' up ');
  try {
    await ensureStack(options());
    assert.unreachable('it started');
  } catch (error) {
    assert.match(String(error), /docker compose up .* failed:\nit broke/);
  }
});

test('a client without an engine, and an engine without compose, do not count', async () => {
  assert.is(await dockerAnswers(), true);
  await failOn('^version');
  assert.is(await dockerAnswers(), false);
  await failOn('^compose version');
  assert.is(await dockerAnswers(), false);
  process.env['PATH'] = '/nowhere';
  assert.is(await dockerAnswers(), false);
});
