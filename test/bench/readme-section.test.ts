import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';
import { BENCH_DOCUMENT, RESULTS_FOLDER, RESULTS_LINK, withBenchSection } from './readme-section.ts';

const BEGIN = '<!-- bench:begin -->';
const END = '<!-- bench:end -->';

const test = suite('bench: section of the README');

test('replaces what lies between the markers, again and again', () => {
  const document = `# Title\n\n${BEGIN}\nold\n${END}\n\nmore\n`;
  const once = withBenchSection(document, '| new |');
  assert.is(once, `# Title\n\n${BEGIN}\n| new |\n${END}\n\nmore\n`);
  assert.is(withBenchSection(once, '| new |'), once);
});

for (const document of ['', `${BEGIN}\n`, `${END}\n${BEGIN}\n`, `${BEGIN}${END}${BEGIN}${END}`]) {
  test(`refuses ${JSON.stringify(document)}`, () => {
    assert.throws(() => withBenchSection(document, 'x'), /not one place between/);
  });
}

test('the bench’s own document takes a new table, and its plots lie where it links to', () => {
  const document = readFileSync(BENCH_DOCUMENT, 'utf8');
  assert.ok(withBenchSection(document, '| new |').includes(`${BEGIN}\n| new |\n${END}`));
  assert.is(relative(dirname(BENCH_DOCUMENT), RESULTS_FOLDER), RESULTS_LINK);
  const plots = [...document.matchAll(/!\[[^\]]+\]\(([^)]+\.svg)\)/g)].map(([, link = '']) => link);
  assert.ok(plots.length > 2);
  for (const link of plots) assert.ok(existsSync(join(dirname(BENCH_DOCUMENT), link)), link);
});
