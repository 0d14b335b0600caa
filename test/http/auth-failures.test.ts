import * as assert from 'uvu/assert';
import { AuthFailures } from '../../src/http/auth-failures.ts';
import { httpLogger, setLogLevel } from '../../src/logger.ts';
import { suite } from '../support/suite.ts';

const test = suite('failed authentications');
test.before(() => setLogLevel('silent'));

test('each is counted by endpoint and reason; a line is written every ten seconds at most', () => {
  const counted: string[] = [];
  const lines: unknown[] = [];
  let nowMs = 0;
  const warn = httpLogger.warn;
  httpLogger.warn = (facts: unknown) => void lines.push(facts);
  const { onFailure } = new AuthFailures(
    { onAuthFailed: (endpoint, reason) => counted.push(`${endpoint} ${reason}`) },
    () => nowMs,
  );
  for (let at = 0; at < 1_000; at++) onFailure({ endpoint: 'api', reason: 'unknown_token', address: '192.0.2.1' });
  nowMs = 9_999;
  onFailure({ endpoint: 'feed', reason: 'timeout', address: '192.0.2.2' });
  nowMs = 10_000;
  onFailure({ endpoint: 'live', reason: 'refused', address: '192.0.2.3' });
  httpLogger.warn = warn;
  assert.is(counted.length, 1_002);
  assert.is(counted.at(-1), 'live refused');
  assert.equal(lines, [
    { endpoint: 'api', reason: 'unknown_token', address: '192.0.2.1', failures: 1 },
    { endpoint: 'live', reason: 'refused', address: '192.0.2.3', failures: 1_001 },
  ]);
});
