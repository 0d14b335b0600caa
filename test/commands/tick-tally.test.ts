import * as assert from 'uvu/assert';
import { TickTally } from '../../src/commands/tick-tally.ts';
import { suite } from '../support/suite.ts';

const test = suite('tick tally');

test('ticks follow their frames: published, acknowledged, committed', () => {
  const tally = new TickTally();
  const seen: number[][] = [];
  const look = (): unknown => seen.push([tally.published, tally.acked, tally.committed]);
  tally.committedUpTo(9);
  tally.add(10, 3);
  tally.add(12, 0);
  tally.add(20, 4);
  look();
  tally.ackedUpTo(11);
  look();
  tally.ackedUpTo(20);
  tally.ackedUpTo(10);
  look();
  tally.committedUpTo(12);
  tally.committedUpTo(9);
  look();
  tally.committedUpTo(99);
  look();
  assert.equal(seen, [
    [7, 0, 0],
    [7, 3, 0],
    [7, 7, 0],
    [7, 7, 3],
    [7, 7, 7],
  ]);
});

test('what is committed without an acknowledgement was acknowledged', () => {
  const tally = new TickTally();
  tally.add(1, 5);
  tally.committedUpTo(1);
  assert.equal([tally.acked, tally.committed], [5, 5]);
});
