import * as assert from 'uvu/assert';
import { type Gateway, startGateway } from '../../../src/gateway/gateway.ts';
import { setLogLevel } from '../../../src/logger.ts';
import { setupDatabase } from '../../../src/store/setup-database.ts';
import { suite } from '../../support/suite.ts';
import { openTestMarket, type TestMarket } from '../../support/test-market.ts';
import { PythonProgram, requirePython } from './python-program.ts';

const test = suite('msgpack as another language writes it', { timeoutMs: 200_000 });

const MICROS = 1_764_576_000_123_456;
let market: TestMarket;
let gateway: Gateway;

test.before(async () => {
  setLogLevel('silent');
  market = await openTestMarket();
  await setupDatabase(market.db, market.config);
  gateway = await startGateway(market.config);
});
test.after(async () => {
  await gateway.close();
  await market.close();
});

const TICKS = [`45 0`, `45.5 1000`, `0.25 ${2 ** 32}`, `1 ${10 ** 12}`].map((tick) => `${tick} ${MICROS}`).join(', ');

async function storedTicks(where: string): Promise<unknown[]> {
  const { rows } = await market.db.query<Record<string, unknown>>(
    `SELECT symbol, string_agg(price || ' ' || volume || ' ' || (extract(epoch FROM time) * 1000000)::bigint, ', ' ORDER BY volume) AS ticks
     FROM ${market.prefix}_ticks WHERE ${where} GROUP BY symbol ORDER BY symbol`,
  );
  return rows;
}

test('every spelling of the same ticks is accepted and stored the same', async (context) => {
  await using program = new PythonProgram(await requirePython(context), 'plain_msgpack.py', [gateway.url]);
  const id = Number.MAX_SAFE_INTEGER;
  assert.equal(await program.end(), ['committed 6', `ack ${id} committed ${id}`], program.errors);
  assert.equal(
    await storedTicks(`symbol NOT IN ('ONE', 'OFF')`),
    ['DATETIME', 'FLOATS', 'SINGLE', 'SMALLEST', 'TEXT', 'TIMESTAMP'].map((symbol) => ({ symbol, ticks: TICKS })),
  );
  assert.is(await market.count(`SELECT count(*) FROM ${market.prefix}_ticks WHERE symbol IN ('ONE', 'OFF')`), 2);
  assert.is(await market.count(`SELECT count(*) FROM ${market.prefix}_ticks_rejected`), 0);
});

test('the longest forms of msgpack are accepted and stored the same', async (context) => {
  await using program = new PythonProgram(await requirePython(context), 'plain_msgpack.py', [gateway.url, 'longest']);
  const [committed] = await program.end();
  assert.is(committed, 'committed 1', program.errors);
  assert.equal(await storedTicks(`symbol = 'LONGEST'`), [{ symbol: 'LONGEST', ticks: TICKS }]);
});
