import * as assert from 'uvu/assert';
import { type DemoNumbers, DemoScreen } from '../../src/commands/demo-screen.ts';
import { suite } from '../support/suite.ts';

const test = suite('demo screen');

const NUMBERS: DemoNumbers = {
  url: 'http://127.0.0.1:8080',
  published: 12_345,
  acknowledged: 12_300,
  committed: 12_000,
  buffered: 300,
  lastFlush: { rows: 205, ms: 11.6 },
};

function screen(isTTY: boolean): { readonly screen: DemoScreen; readonly written: string[] } {
  const written: string[] = [];
  return {
    screen: new DemoScreen({ isTTY, write: (text: string | Uint8Array) => written.push(String(text)) > 0 }),
    written,
  };
}

test('not on a terminal: a plain line a second', () => {
  const { screen: plain, written } = screen(false);
  for (let atMs = 1_000; atMs < 4_000; atMs += 500) plain.show(NUMBERS, atMs);
  assert.is(written.length, 3);
  assert.is(
    written[0],
    'published 12345, acknowledged 12300, committed 12000, buffer 300, last flush 205 rows in 12 ms, http://127.0.0.1:8080\n',
  );
});

test('before the first flush, and without Redis', () => {
  const { screen: plain, written } = screen(false);
  plain.show({ ...NUMBERS, buffered: undefined, lastFlush: undefined }, 1_000);
  assert.match(written[0] ?? '', /buffer \?, last flush none yet, /);
});

test('on a terminal: every time, in place, with the rate', () => {
  const { screen: live, written } = screen(true);
  live.show(NUMBERS, 1_000);
  live.show({ ...NUMBERS, published: 13_345 }, 1_500);
  const [first = '', second = ''] = written;
  assert.not.match(first, '\u001b[7A');
  assert.is(second.indexOf('\u001b[7A'), 0, 'over the lines of before');
  assert.is(second.split('\n').length, first.split('\n').length);
  assert.match(second, /published +13,345 +2,000 ticks\/s/);
  assert.match(second, /last flush +205 +rows in 12 ms/);
});
