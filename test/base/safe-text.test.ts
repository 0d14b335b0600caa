import * as assert from 'uvu/assert';
import { LogSpacing } from '../../src/base/log-spacing.ts';
import { safeJson, safeLines, safeText } from '../../src/base/safe-text.ts';
import { suite } from '../support/suite.ts';

const test = suite('text from outside');

/** CSI and NEL of eight bits, ESC, right-to-left override, isolates, line separator, DEL, zero-width, BOM, a tab. */
const UNSAFE = [
  '\u009B',
  '\u0085',
  '\u001B',
  '\u202E',
  '\u2066',
  '\u2028',
  '\u007F',
  '\u200B',
  '\uFEFF',
  '\t',
  '\u0000',
];

for (const character of UNSAFE) {
  const units = character.split('').map((unit) => unit.charCodeAt(0).toString(16).padStart(4, '0'));
  const code = units.map((unit) => `\\u${unit}`).join('');
  test(`${code} is escaped in a name, in lines, and in JSON that stays the same`, () => {
    assert.is(safeText(`a${character}b`), `a${code}b`);
    assert.is(safeLines(`a${character}b\nc`), `a${code}b\nc`);
    const json = JSON.stringify({ name: `a${character}b` });
    assert.not(safeJson(json).includes(character));
    assert.equal(JSON.parse(safeJson(json)), { name: `a${character}b` });
  });
}

test('letters of every script stay', () => {
  for (const text of ['COMI', 'البنك التجاري', '名前', 'Ünïcode ✓', '😀']) assert.is(safeText(text), text);
});

test('a line end in a name is escaped, and a long name is cut', () => {
  assert.is(safeText('a\nb'), 'a\\u000ab');
  assert.is(safeText('x'.repeat(1_000_000)).length, 200);
  assert.is(safeText('COMI\u009B31m', 8), 'COMI\\u0…');
});

test('log lines: a burst of one message, then one a second, with how many were left out', () => {
  const spacing = new LogSpacing();
  const passed = Array.from({ length: 1_000 }, () => spacing.pass('bad request', 0));
  assert.is(passed.filter((each) => each !== undefined).length, 50);
  assert.is(spacing.pass('another', 0), 0);
  assert.is(spacing.pass('bad request', 1_000), 950);
  assert.is(spacing.pass('bad request', 1_001), undefined);
  assert.is(spacing.pass('bad request', 3_000), 1);
});

test('messages without end do not take memory without end', () => {
  const spacing = new LogSpacing();
  let passed = 0;
  for (let at = 0; at < 100_000; at++) if (spacing.pass(`message ${at}`, 0) !== undefined) passed += 1;
  assert.is(passed, 1_050);
});
