import * as assert from 'uvu/assert';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { inspectCsv, readTicks } from '../../../clients/csv/tick-csv.ts';
import { suite } from '../../support/suite.ts';

const folder = process.env['TICKGATE_DATA_DIR'] ?? resolve(import.meta.dirname, '../../../../shared/data');
const absent = existsSync(folder) ? undefined : 'needs the recorded files: set TICKGATE_DATA_DIR to their folder';

const test = suite('clients/csv/real-files', { skip: absent });

const FILES: ReadonlyArray<readonly [name: string, rows: number]> = [
  ['egx_1m.csv.gz', 212_232],
  ['egx_week_derived_ticks.csv.gz', 19_515],
  ['us_ticks_20131011_nospy.csv.gz', 162_759],
  ['egx_expa_adjusted_dirty.csv.gz', 13_341],
];

for (const [name, rows] of FILES) {
  test(`${name}: every row, in both passes`, async () => {
    const path = join(folder, name);
    const found = await inspectCsv(path);
    assert.is(found.rows, rows);
    let [count, volume] = [0, 0];
    for await (const batch of readTicks(path)) {
      for (const tick of batch) {
        count += 1;
        volume += tick.volume;
        if (tick.rowNumber !== count) assert.unreachable(`row ${tick.rowNumber} stands at ${count}`);
      }
    }
    assert.is(count, rows);
    const totals = [...found.symbols.values()];
    assert.is(
      totals.reduce((sum, each) => sum + each.count, 0),
      rows,
    );
    const sum = totals.reduce((total, each) => total + each.volume, 0);
    assert.ok(Math.abs(sum - volume) <= 1e-9 * volume, `${sum} is not ${volume}`);
  });
}

test('COMI on 2025-12-01: 215 rows, 1,699,213 shares', async () => {
  const day = Date.UTC(2025, 11, 1) * 1000;
  let [rows, shares] = [0, 0];
  for await (const batch of readTicks(join(folder, 'egx_1m.csv.gz'))) {
    for (const tick of batch) {
      if (tick.symbol !== 'COMI' || tick.timeMicros < day || tick.timeMicros >= day + 86_400e6) continue;
      rows += 1;
      shares += tick.volume;
    }
  }
  assert.equal([rows, shares], [215, 1_699_213]);
});
