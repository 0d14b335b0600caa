import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import { projectRoot } from '../../src/stack/ensure-stack.ts';
import { runCommand } from '../../src/stack/run-command.ts';
import { suite } from '../support/suite.ts';

const root = projectRoot();
const test = suite('container files', { timeoutMs: 30_000 });
const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8');
const ignored = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n');

/** `COPY [--from=STAGE] SOURCE… TARGET` lines. */
const copies = [...dockerfile.matchAll(/^COPY(?: --from=(\S+))? (.+) \S+$/gm)].map(([, stage, sources = '']) => ({
  stage,
  sources: sources.split(' '),
}));

test('every path the Dockerfile copies exists and is let through by .dockerignore', () => {
  const paths = copies.filter(({ stage }) => stage === undefined).flatMap(({ sources }) => sources);
  assert.ok(paths.length >= 5);
  for (const path of paths) {
    assert.ok(existsSync(join(root, path)), `${path} does not exist`);
    assert.ok(ignored.includes(`!${path}`), `${path} is ignored`);
  }
});

test('the image runs as an ordinary user, and what it runs has a source', () => {
  assert.match(dockerfile, /^USER node$/m);
  const programs = [...dockerfile.matchAll(/"dist\/([^"]+)\.js"/g)].map(([, path]) => path ?? '');
  assert.is(programs.length, 2);
  for (const program of programs) assert.ok(existsSync(join(root, `${program}.ts`)), `${program}.ts does not exist`);
});

const composeSchema = z.object({
  services: z.record(
    z.string(),
    z.object({
      command: z.array(z.string()).optional(),
      environment: z.record(z.string(), z.string().nullable()).optional(),
      depends_on: z.record(z.string(), z.object({ condition: z.string() })).optional(),
      ports: z.array(z.object({ published: z.string(), host_ip: z.string().optional() })).optional(),
    }),
  ),
});

const hasCompose = (await runCommand('docker', ['compose', 'version'])).code === 0;
const config = (env: Record<string, string | undefined>): ReturnType<typeof runCommand> =>
  runCommand('docker', ['compose', 'config', '--format', 'json'], { cwd: root, env });

if (hasCompose) {
  test('docker compose reads the file: safe Redis, order of start, overridable ports', async () => {
    const { code, stdout, output } = await config({
      POSTGRES_PASSWORD: 'secret',
      GATEWAY_PUBLISH: '127.0.0.1:9090',
      REDIS_PUBLISH: '127.0.0.1:26379',
    });
    assert.is(code, 0, output);
    const { services } = composeSchema.parse(JSON.parse(stdout));
    assert.equal(Object.keys(services).sort(), ['flusher', 'gateway', 'redis', 'setup-db', 'timescaledb']);
    const redis = services['redis']?.command?.join(' ') ?? '';
    assert.match(redis, /--appendonly yes/);
    assert.match(redis, /--maxmemory-policy noeviction/);
    assert.equal(services['gateway']?.command, ['serve', '--no-flush']);
    assert.equal(services['flusher']?.command, ['daemon']);
    for (const name of ['gateway', 'flusher']) {
      assert.is(services[name]?.depends_on?.['redis']?.condition, 'service_healthy');
      assert.is(services[name]?.depends_on?.['setup-db']?.condition, 'service_completed_successfully');
      assert.is(services[name]?.environment?.['POSTGRES_PASSWORD'], 'secret');
    }
    assert.equal(services['gateway']?.ports, [{ published: '9090', host_ip: '127.0.0.1' }]);
    assert.is(services['redis']?.ports?.[0]?.published, '26379');
    assert.is(services['timescaledb']?.ports?.[0]?.host_ip, '127.0.0.1');
  });

  test('docker compose refuses to start without a database password, and names it', async () => {
    const { code, output } = await config({ POSTGRES_PASSWORD: undefined });
    assert.is.not(code, 0);
    assert.match(output, /POSTGRES_PASSWORD/);
  });
} else {
  test.skip('docker compose reads the file', 'the docker compose command is not installed');
}
