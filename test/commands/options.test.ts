import { InvalidArgumentError } from 'commander';
import * as assert from 'uvu/assert';
import {
  checkFeedOption,
  collect,
  collectOneOf,
  oneOf,
  parsePositive,
  parseSeconds,
  parseSpeed,
  secondsBetween,
  wholeBetween,
} from '../../src/commands/options.ts';
import { UsageError } from '../../src/errors.ts';
import { suite } from '../support/suite.ts';

const test = suite('commands/options');

type Parser = (text: string) => unknown;
const CASES: ReadonlyArray<readonly [string, Parser, Readonly<Record<string, unknown>>, readonly string[]]> = [
  ['--seconds', parseSeconds, { 1: 1, '0.5': 0.5, 604800: 604_800 }, ['0', '-1', '604801', '', ' ', 'x', 'Infinity']],
  ['seconds in bounds', secondsBetween(0.001, 3_600), { '0.001': 0.001, 3600: 3_600 }, ['0', '3600.1', '', 'NaN']],
  ['--speed', parseSpeed, { max: 'max', 1: 1, '1x': 1, '60x': 60, '0.5x': 0.5 }, ['0', '0x', '-1x', 'x', 'MAX', '']],
  ['a whole number', wholeBetween(1, 10), { 1: 1, 10: 10, '007': 7 }, ['0', '11', '1.5', '-1', '1e1', '', '0x1']],
  ['a number above 0', parsePositive, { 1: 1, '0.25': 0.25, '1e3': 1_000 }, ['0', '-1', '', ' ', 'many']],
  ['one word', oneOf(['all', 'latest']), { all: 'all', latest: 'latest' }, ['', 'All', 'most']],
];

for (const [name, parse, good, bad] of CASES) {
  test(`${name}: takes what it says, and refuses anything else`, () => {
    for (const [text, value] of Object.entries(good)) assert.equal(parse(text), value, text);
    for (const text of bad)
      assert.throws(
        () => parse(text),
        (error: unknown) => error instanceof InvalidArgumentError,
      );
  });
}

test('an option may be repeated, and keeps its order', () => {
  assert.equal(collect('b', collect('a')), ['a', 'b']);
  const roles = collectOneOf(['feed', 'live']);
  assert.equal(roles('live', roles('feed')), ['feed', 'live']);
  assert.throws(() => roles('admin'), /feed or live is expected/);
});

test('a feed name that the gateway would refuse is refused before anything is sent', () => {
  checkFeedOption('egx-feed.1:a_b');
  for (const feed of ['', 'two words', 'x'.repeat(65)])
    assert.throws(
      () => checkFeedOption(feed),
      (error: unknown) => error instanceof UsageError && error.exitCode === 2,
    );
});
