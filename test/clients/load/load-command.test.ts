import { Command } from 'commander';
import * as assert from 'uvu/assert';
import { registerLoad } from '../../../src/commands/load.ts';
import { suite } from '../../support/suite.ts';

const test = suite('load command');

function parse(...args: readonly string[]): Promise<unknown> {
  const program = new Command('tickgate').exitOverride().configureOutput({ writeErr: () => undefined });
  registerLoad(program);
  for (const command of program.commands) command.exitOverride().configureOutput({ writeErr: () => undefined });
  return program.parseAsync(['load', ...args], { from: 'user' });
}

async function refused(...args: readonly string[]): Promise<string> {
  return parse(...args).then(
    () => 'was not refused',
    (error: unknown) => String(error),
  );
}

const BAD: ReadonlyArray<readonly [option: string, value: string, says: RegExp]> = [
  ['--feeds', '0', /whole number from 1 to/],
  ['--rate', 'fast', /whole number from 1 to/],
  ['--frame', '5001', /whole number from 1 to 5000/],
  ['--symbols', '-1', /whole number from 1 to/],
  ['--subscribers', '1.5', /whole number from 0 to/],
  ['--subscribe', 'COMI', /whole number from 1 to/],
  ['--mode', 'some', /all or latest is expected/],
  ['--codec', 'xml', /msgpack or json is expected/],
  ['--until', 'sent', /committed or acked is expected/],
  ['--duration', '', /whole number from 1 to/],
];

for (const [option, value, says] of BAD) {
  test(`${option} ${JSON.stringify(value)}`, async () => assert.match(await refused(option, value), says));
}

test('an address that is none', async () => {
  assert.match(await refused('--url', 'here'), /--url here is not an address/);
});
