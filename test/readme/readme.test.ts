import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Command } from 'commander';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import { registerCommands } from '../../src/commands/catalog.ts';
import { describeSettings } from '../../src/config.ts';
import { suite } from '../support/suite.ts';
import { anchors, codeBlocks, inlineCode, links, section, tableRows } from './markdown.ts';
import { PROJECT, projectFile } from './project-files.ts';

const test = suite('README.md', { timeoutMs: 120_000 });
const text = projectFile('README.md');
const DOCUMENTS = ['README.md', 'src/protocol/PROTOCOL.md'];

/** The commands as the program has them. */
async function readCommands(): Promise<Command> {
  const program = new Command();
  await registerCommands(program, []);
  return program;
}

/** The names under "Commands:" of the program's help. */
function namesInHelp(): string[] {
  const args = ['--import', 'tsx', 'src/cli.ts', '--help'];
  const { stdout } = spawnSync(process.execPath, args, { cwd: PROJECT, encoding: 'utf8' });
  const lines = (stdout.split('\nCommands:\n')[1] ?? '').split('\n\n')[0] ?? '';
  return [...lines.matchAll(/^ {2}([a-z][\w-]*)/gm)].map(([, name = '']) => name).filter((name) => name !== 'help');
}

/** Everything after `tickgate` in code, up to where another command or a comment begins. */
function uses(): string[] {
  const shell = codeBlocks(text)
    .filter(({ language }) => language === 'sh')
    .flatMap((block) => block.text.split('\n'))
    .filter((line) => !line.startsWith('alias '));
  const code = [...shell, ...inlineCode(text)];
  return code.flatMap((line) =>
    [...line.matchAll(/(?<!SETUSER)(?:^|[\s(])tickgate ((?:[^#&;)`]|\\\|)+)/g)].map(([, rest = '']) =>
      rest.replaceAll('\\|', '|').trim(),
    ),
  );
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

test('every command and option it names exists, and every command is named', async () => {
  const program = await readCommands();
  const names = namesInHelp();
  assert.equal(new Set(program.commands.map((command) => command.name())), new Set(names));
  assert.ok(names.length > 10);
  const named = new Set<string>();
  for (const use of uses()) {
    const [first = '', ...rest] = use.split(/\s+/);
    if (first === '--help' || first === '--json') continue;
    const command = program.commands.find((each) => each.name() === first.replace(/^--(?=[a-z])/, ''));
    assert.ok(command !== undefined, `"tickgate ${use}": no such command`);
    named.add(command.name());
    const parts = command.commands.map((part) => part.name());
    if (parts.length > 0) {
      for (const name of (rest[0] ?? '').split('|')) assert.ok(parts.includes(name), `"tickgate ${use}": no ${name}`);
      continue;
    }
    for (const [option] of use.matchAll(/(?<=[\s[])--[a-z-]+/g)) {
      const isKnown = option === '--json' || command.options.some(({ long }) => long === option);
      assert.ok(isKnown, `"tickgate ${use}": no option ${option}`);
    }
  }
  assert.equal(
    names.filter((name) => !named.has(name)),
    [],
  );
});

test('every script it names exists', () => {
  const { scripts } = z
    .object({ scripts: z.record(z.string(), z.string()) })
    .parse(JSON.parse(projectFile('package.json')));
  for (const [, name = ''] of text.matchAll(/npm run (?:-s )?([a-z:]+)/g))
    assert.ok(Object.hasOwn(scripts, name), name);
});

test('every environment variable it names is a setting, or one of others', () => {
  const others = new Set(['PYTHONPATH', 'CURRENT_DATE', 'TICKGATE_DATA_DIR', 'ALLOW_CONNECTIONS']);
  const known = new Set(describeSettings().map(({ env }) => env));
  for (const document of DOCUMENTS) {
    for (const [name] of projectFile(document).matchAll(/\b[A-Z]+(?:_[A-Z]+)+\b/g)) {
      assert.ok(known.has(name) || others.has(name), `${document}: ${name}`);
    }
  }
});

test('every link leads somewhere', () => {
  for (const document of DOCUMENTS) {
    for (const link of links(projectFile(document))) {
      if (link.startsWith('https://')) continue;
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? document : join(dirname(document), path);
      assert.ok(existsSync(join(PROJECT, target)), `${document}: ${link}`);
      if (anchor !== undefined) assert.ok(anchors(projectFile(target)).has(anchor), `${document}: ${link}`);
    }
  }
});

test('every promise is linked to a test file', () => {
  const promises = tableRows(section(text, 'What is promised'));
  assert.ok(promises.length > 10);
  for (const [promise, proof = ''] of promises) {
    const files = links(proof);
    assert.ok(files.length > 0, promise);
    for (const file of files) assert.match(file, /^test\/.+\.test\.ts$/);
  }
});

test('every folder it describes is there, and every folder of src is described', () => {
  const described = tableRows(section(text, 'Where things live')).flatMap(([folder = '']) => inlineCode(folder));
  for (const path of described) assert.ok(existsSync(join(PROJECT, path)), path);
  for (const stage of ['protocol', 'http', 'ingest', 'buffer', 'fanout', 'flush', 'store', 'stack', 'commands']) {
    assert.ok(described.includes(`src/${stage}`), stage);
  }
});
