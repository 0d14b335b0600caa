import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../src/config.ts';
import { Flusher } from '../../src/gateway/flusher.ts';
import { findFreePort } from '../../src/stack/free-port.ts';
import { suite } from '../support/suite.ts';

const test = suite('flush coordinator');

test('a flush asked for while Redis is away leaves the process alive', async () => {
  const nobody = String(await findFreePort());
  const config = loadConfig({ REDIS_PORT: nobody, POSTGRES_PORT: nobody, POSTGRES_PASSWORD: 'none' });
  const flusher = new Flusher(config);
  flusher.start();
  try {
    flusher.coordinator.requestFlush();
    // A loop without a wait would keep this timer from ever firing.
    await sleep(50);
    assert.is(flusher.state.doing, 'waiting');
  } finally {
    await flusher[Symbol.asyncDispose]();
  }
});
