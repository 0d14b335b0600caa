import * as assert from 'uvu/assert';
import { loadConfig } from '../../src/config.ts';
import { UsageError } from '../../src/errors.ts';
import { startGateway } from '../../src/gateway/gateway.ts';
import { setLogLevel } from '../../src/logger.ts';
import { suite } from '../support/suite.ts';

const test = suite('access without tokens');
test.before(() => setLogLevel('silent'));

for (const host of ['0.0.0.0', '::', '192.0.2.1', '127.evil.test', 'gateway.test']) {
  test(`no tokens on ${host}: the gateway does not start`, async () => {
    try {
      await startGateway(
        loadConfig({ ...process.env, GATEWAY_HOST: host, GATEWAY_TOKENS_FILE: '', GATEWAY_PORT: '0' }),
      );
      assert.unreachable('it started');
    } catch (error) {
      assert.instance(error, UsageError);
      assert.match(String(error), /no tokens/);
    }
  });
}
