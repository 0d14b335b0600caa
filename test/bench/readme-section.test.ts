import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';
import { withBenchSection } from './readme-section.ts';

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
