import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { type Gateway, startGateway } from '../../../src/gateway/gateway.ts';
import { setLogLevel } from '../../../src/logger.ts';
import { findFreePort } from '../../../src/stack/free-port.ts';
import { setupDatabase } from '../../../src/store/setup-database.ts';
import { suite } from '../../support/suite.ts';
import { openTestMarket, type TestMarket } from '../../support/test-market.ts';
import { PythonProgram, requirePython } from './python-program.ts';

const test = suite('Python adapter: forks, signals, callbacks', { timeoutMs: 200_000 });

let market: TestMarket;
let gateway: Gateway;

test.before(async () => {
  setLogLevel('silent');
  market = await openTestMarket();
  await setupDatabase(market.db, market.config);
  gateway = await startGateway(market.configWith({ TAKEOVER_INTERVAL_MS: '0' }));
});
test.after(async () => {
  await gateway.close();
  await market.close();
});

const storedOf = (symbol: string): Promise<number> =>
  market.count(`SELECT count(*) FROM ${market.prefix}_ticks WHERE symbol = '${symbol}'`);

test('after a fork every call of the child raises, with the remedy; the parent goes on', async (context) => {
  await using program = new PythonProgram(await requirePython(context), 'after_fork.py', [gateway.url]);
  const refused = ['buffer_tick', 'buffer_tick again', 'buffer_ticks', 'publish_frame', 'flush_to_db', 'opened'];
  assert.equal(
    await program.end(),
    [
      ...refused.map((call) => `${call} FeedError True True`),
      'close passed None',
      'locked FeedError True True',
      'parent stored 1',
      'own stored 1',
      'client.publish FeedError True True',
      'client.publish_frame FeedError True True',
      'client stored 1',
    ],
    program.errors,
  );
  assert.is(await storedOf('CHILD'), 0);
});

for (const mode of ['handler', 'thread', 'asyncio', 'own', 'behind']) {
  test(`SIGTERM, ${mode}: every tick that was taken is stored before the program ends`, async (context) => {
    await using program = new PythonProgram(await requirePython(context), 'sigterm.py', [gateway.url, mode]);
    assert.is(await program.line(), 'ready');
    await sleep(300);
    const startMs = Date.now();
    const { lines, code, signal } = await program.terminate();
    assert.ok(Date.now() - startMs < 9_000, `${Date.now() - startMs} ms`);
    const hasOwn = mode === 'own' || mode === 'behind';
    assert.equal({ code, signal }, hasOwn ? { code: 3, signal: null } : { code: null, signal: 'SIGTERM' });
    const taken = lines.length;
    assert.ok(taken > 10, `${taken} taken; ${program.errors}`);
    const stored = await storedOf(`TERM-${mode}`);
    // The last one may have been taken and not yet printed.
    assert.ok(stored >= taken && stored <= taken + 1, `${stored} of ${taken}; ${program.errors}`);
  });
}

test('SIGTERM while nothing answers: the end comes after the bound, and the loss is told', async (context) => {
  const url = `http://127.0.0.1:${await findFreePort()}`;
  await using program = new PythonProgram(await requirePython(context), 'sigterm.py', [url, 'away']);
  assert.is(await program.line(), 'ready');
  await sleep(200);
  const startMs = Date.now();
  const { signal } = await program.terminate();
  const tookMs = Date.now() - startMs;
  assert.is(signal, 'SIGTERM');
  assert.ok(tookMs > 900 && tookMs < 3_000, `${tookMs} ms`);
  assert.match(program.errors, /ended with \d+ ticks not committed/);
});

test('a forked child dies by SIGTERM as if there were no handler in its parent', async (context) => {
  await using program = new PythonProgram(await requirePython(context), 'sigterm.py', [gateway.url, 'forked']);
  assert.equal(await program.end(), ['child ended by 15'], program.errors);
});

test('callbacks that raise are reported, and the feed goes on', async (context) => {
  await using program = new PythonProgram(await requirePython(context), 'callbacks.py', [gateway.url]);
  assert.equal(
    await program.end(),
    ['callback-change left 0', 'callback-async left 0', 'callback-handler stored 1'],
    program.errors,
  );
  for (const name of ['on_change', 'async on_rejected', 'on_rejected']) {
    assert.match(program.errors, new RegExp(`RuntimeError: ${name} is broken`));
  }
  assert.not.match(program.errors, /stopped by a fault|never awaited|connecting again/);
});

test('without a callback rejected ticks are told on standard error, with the unit', async (context) => {
  await using program = new PythonProgram(await requirePython(context), 'rejected_default.py', [gateway.url]);
  assert.equal(await program.end(), ['stored 0'], program.errors);
  assert.match(program.errors, /1 ticks? of frame \d+ rejected: price_invalid/);
  assert.match(program.errors, /rejected: time_out_of_range.*microseconds/);
});
