import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import { registerCommands } from '../../src/commands/catalog.ts';
import { PACKAGE_VERSION } from '../../src/package-version.ts';
import { suite } from '../support/suite.ts';

const test = suite('the catalog of commands');

async function registered(...argv: readonly string[]): Promise<string[]> {
  const program = new Command();
  await registerCommands(program, argv);
  return program.commands.map((command) => command.name());
}

test('all commands where none is named, as for help, or one that is not known', async () => {
  const all = await registered();
  assert.is(new Set(all).size, all.length);
  assert.ok(all.length > 15);
  for (const argv of [['--help'], ['help', 'serve'], ['nonsense'], ['toString']]) {
    assert.equal(await registered(...argv), all);
  }
});

test('a command that is named comes alone, under its name, whatever stands around it', async () => {
  for (const name of await registered()) {
    assert.equal(await registered(name), [name]);
    assert.equal(await registered('--json', name, 'COMI'), [name]);
  }
});

test('the version is that of the package', () => {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  assert.is(PACKAGE_VERSION, z.object({ version: z.string() }).parse(JSON.parse(text)).version);
});
