import { spawnSync } from 'node:child_process';
import * as assert from 'uvu/assert';
import { describeSettings } from '../../src/config.ts';
import { REOPEN_SENTENCES } from '../../src/ingest/reopen-reason.ts';
import { suite } from '../support/suite.ts';
import { commandOf, commandUses, readCommands } from './command-uses.ts';
import { section, tableRows } from './markdown.ts';
import { PROJECT, projectFile } from './project-files.ts';

const test = suite('src/commands/README.md', { timeoutMs: 120_000 });
const text = projectFile('src/commands/README.md');

/** The names under "Commands:" of the program's help. */
function namesInHelp(): string[] {
  const args = ['--import', 'tsx', 'src/cli.ts', '--help'];
  const { stdout } = spawnSync(process.execPath, args, { cwd: PROJECT, encoding: 'utf8' });
  const lines = (stdout.split('\nCommands:\n')[1] ?? '').split('\n\n')[0] ?? '';
  return [...lines.matchAll(/^ {2}([a-z][\w-]*)/gm)].map(([, name = '']) => name).filter((name) => name !== 'help');
}

test('the settings table is that of the program', () => {
  const table = /<!-- settings:begin -->\n([\s\S]*?)\n<!-- settings:end -->/.exec(text)?.[1] ?? '';
  const documented = tableRows(table);
  const actual = describeSettings().map(({ env, default: value, describe }) => [
    `\`${env}\``,
    value === '' ? '' : `\`${value}\``,
    describe,
  ]);
  const expected = actual.map((row) => `| ${row.join(' | ')} |`).join('\n');
  assert.equal(documented, actual, `the table between the settings marks should be:\n${expected}`);
});

test('the table of commands names every command of the program, and no other', async () => {
  const program = await readCommands();
  const names = namesInHelp();
  assert.equal(new Set(program.commands.map((command) => command.name())), new Set(names));
  assert.ok(names.length > 10);
  const named = commandUses(section(text, 'Commands')).map((use) => commandOf(use, program)?.name());
  assert.equal(new Set(named), new Set(names));
});

test('the rights of the Redis user are those that a test gets along with', () => {
  const tested = /RIGHTS = '([^']+)'/.exec(projectFile('test/buffer/redis-access.test.ts'))?.[1];
  assert.ok(tested !== undefined && section(text, 'Rights').includes(` ${tested}\n`), tested);
});

test('the reasons of a reopen are those of the program', () => {
  const reasons = tableRows(section(text, 'Changes')).map(([code = '']) => code.replaceAll('`', ''));
  assert.equal(new Set(reasons), new Set(Object.keys(REOPEN_SENTENCES)));
});
