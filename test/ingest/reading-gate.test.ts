import * as assert from 'uvu/assert';
import { ReadingGate } from '../../src/ingest/reading-gate.ts';
import { suite } from '../support/suite.ts';

const test = suite('reading gate');

test('reads only when no reason is against it, and tells each change once', () => {
  const changes: boolean[] = [];
  const gate = new ReadingGate((isReading) => changes.push(isReading));
  gate.set('window', false);
  gate.set('window', true);
  gate.set('window', true);
  gate.set('rate', true);
  gate.set('window', false);
  assert.not(gate.isReading);
  gate.set('rate', false);
  assert.ok(gate.isReading);
  assert.equal(changes, [false, true]);
});

test('a drain is not undone by a window that opens again', () => {
  const gate = new ReadingGate(() => undefined);
  gate.set('window', true);
  gate.set('drain', true);
  gate.set('window', false);
  assert.not(gate.isReading);
});
