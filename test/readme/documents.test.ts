import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import { describeSettings } from '../../src/config.ts';
import { GatewayMetrics } from '../../src/metrics/gateway-metrics.ts';
import { suite } from '../support/suite.ts';
import { commandOf, commandUses, isProgramOption, readCommands, unknownPartOf } from './command-uses.ts';
import { anchors, inlineCode, links } from './markdown.ts';
import { documents, PROJECT, projectFile, projectFiles } from './project-files.ts';

/** Every document of the project, whichever there are: what it names is there. */
const test = suite('documents');
const DOCUMENTS = documents();
const FILES = projectFiles();

/** Words that look like environment variables: of SQL and of PostgreSQL. */
const SQL_WORDS = ['CURRENT_DATE', 'ALLOW_CONNECTIONS'];
/** Names that look like files of the project: files of the reader's, a subprotocol. */
const NOT_FILES = ['tokens.json', 'tickgate.v1.json', 'realtime_redis_timescaledb.py'];

const packageShape = z.object({ scripts: z.record(z.string(), z.string()), files: z.array(z.string()) });
const { scripts, files: shipped } = packageShape.parse(JSON.parse(projectFile('package.json')));

/** Where a link leads: a path in the project, and the anchor in it. */
function targetOf(document: string, link: string): { readonly path: string; readonly anchor: string | undefined } {
  const [path = '', anchor] = link.split('#');
  return { path: path === '' ? document : join(dirname(document), path), anchor };
}

/** The variables that our programs and tests read by name. */
function variablesRead(): string[] {
  const code = FILES.filter((path) => /\.(?:ts|py)$/.test(path)).map(projectFile);
  return code.flatMap((text) =>
    [...text.matchAll(/env(?:iron)?(?:\[|\.get\()['"](\w+)['"]/g)].map(([, name = '']) => name),
  );
}

test('there are documents, and each can be reached from the README', () => {
  const reached = new Set(['README.md']);
  for (const document of reached) {
    for (const link of links(projectFile(document))) {
      const { path } = targetOf(document, link);
      if (path.endsWith('.md') && existsSync(join(PROJECT, path))) reached.add(path);
    }
  }
  assert.equal(
    DOCUMENTS.filter((document) => !reached.has(document)),
    [],
  );
  assert.ok(DOCUMENTS.length > 5);
});

test('those beside what is shipped are shipped', () => {
  for (const document of DOCUMENTS.filter((path) => !path.startsWith('test/')))
    assert.ok(document === 'README.md' || shipped.includes(document), document);
});

test('no table is broken by an empty line', () => {
  for (const document of DOCUMENTS) {
    const lines = projectFile(document).split('\n');
    lines.forEach((line, at) => {
      if (!line.startsWith('|') || lines[at - 1] !== '') return;
      assert.match(lines[at + 1] ?? '', /^\|[\s|:-]+\|$/, `${document}: a row without its head: ${line.slice(0, 80)}`);
    });
  }
});

test('every link leads somewhere', () => {
  for (const document of DOCUMENTS) {
    for (const link of links(projectFile(document))) {
      if (link.startsWith('https://')) continue;
      const { path, anchor } = targetOf(document, link);
      assert.ok(existsSync(join(PROJECT, path)), `${document}: ${link}`);
      if (anchor !== undefined) assert.ok(anchors(projectFile(path)).has(anchor), `${document}: ${link}`);
    }
  }
});

test('every file and folder it names is there', () => {
  for (const document of DOCUMENTS) {
    for (const code of inlineCode(projectFile(document))) {
      if (/^(?:src|clients|test)\/[\w./-]+$/.test(code)) {
        assert.ok(existsSync(join(PROJECT, code)), `${document}: ${code}`);
      } else if (/^(?:[\w-]+\/)*[\w.-]+\.(?:ts|lua|sql|md|py|sh|json)$/.test(code) && !NOT_FILES.includes(code)) {
        const isThere = FILES.some((path) => path === code || path.endsWith(`/${code}`));
        assert.ok(isThere, `${document}: ${code}`);
      }
    }
  }
});

test('every command and option it names exists', async () => {
  const program = await readCommands();
  for (const document of DOCUMENTS) {
    for (const use of commandUses(projectFile(document))) {
      if (isProgramOption(use)) continue;
      const command = commandOf(use, program);
      assert.ok(command !== undefined, `${document}: "tickgate ${use}": no such command`);
      assert.is(unknownPartOf(use, command), undefined, `${document}: "tickgate ${use}"`);
    }
  }
});

test('every script it names exists, with its options', () => {
  let seen = 0;
  for (const document of DOCUMENTS) {
    const uses = projectFile(document).matchAll(/npm (?:run (?:-s )?([a-z:]+)|(test))(?: -- ([^\n`<]*))?/g);
    for (const [use, run = '', alone = '', rest = ''] of uses) {
      const script = scripts[run + alone];
      assert.ok(script !== undefined, `${document}: ${use}`);
      seen += 1;
      const file = /(?:src|test)\/\S+\.ts/.exec(script)?.[0];
      if (file === undefined || file === 'src/cli.ts') continue;
      for (const [option] of rest.matchAll(/--[a-z-]+/g))
        assert.ok(projectFile(file).includes(option), `${document}: ${use}: no ${option} in ${file}`);
    }
  }
  assert.ok(seen > 5);
});

test('every environment variable it names is a setting, or one that a program or a test reads', () => {
  const known = new Set([...describeSettings().map(({ env }) => env), ...SQL_WORDS, ...variablesRead()]);
  for (const document of DOCUMENTS) {
    for (const [name] of projectFile(document).matchAll(/\b[A-Z]+(?:_[A-Z]+)+\b/g))
      assert.ok(known.has(name), `${document}: ${name}`);
  }
});

test('every metric it names is measured', async () => {
  const metrics = await new GatewayMetrics().text();
  let seen = 0;
  for (const document of DOCUMENTS) {
    for (const code of inlineCode(projectFile(document))) {
      const name = /^tickgate_[a-z_]+/.exec(code)?.[0];
      if (name === undefined || name === 'tickgate_feed') continue;
      assert.ok(metrics.includes(`# TYPE ${name} `), `${document}: ${name}`);
      seen += 1;
    }
  }
  assert.ok(seen > 10);
});
