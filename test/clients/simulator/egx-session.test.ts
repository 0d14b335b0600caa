import * as assert from 'uvu/assert';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readTicks } from '../../../clients/csv/tick-csv.ts';
import { cairoDate, type EgxSession, egxSession, lastEgxTradingDay } from '../../../clients/simulator/egx-session.ts';
import { SimulationError } from '../../../clients/simulator/simulation-error.ts';
import { suite } from '../../support/suite.ts';

const MINUTE_MICROS = 60e6;
const test = suite('clients/simulator/egx-session');

function utc(session: EgxSession): string[] {
  const { openMicros, auctionMicros, atCloseMicros, endMicros } = session;
  return [openMicros, auctionMicros, atCloseMicros, endMicros].map((micros) =>
    new Date(micros / 1000).toISOString().slice(0, 16),
  );
}

const HOURS: ReadonlyArray<readonly [what: string, date: string, ramadan: boolean, times: string]> = [
  ['winter', '2025-12-01', false, '08:00 12:15 12:25 12:30'],
  ['summer', '2025-07-01', false, '07:00 11:15 11:25 11:30'],
  ['the last day before summer time', '2025-04-24', false, '08:00 12:15 12:25 12:30'],
  ['the first day of summer time', '2025-04-27', false, '07:00 11:15 11:25 11:30'],
  ['the last day of summer time', '2025-10-30', false, '07:00 11:15 11:25 11:30'],
  ['the first day after summer time', '2025-11-02', false, '08:00 12:15 12:25 12:30'],
  ['summer in a year without summer time', '2020-07-01', false, '08:00 12:15 12:25 12:30'],
  ['Ramadan', '2025-03-02', true, '08:00 11:15 11:25 11:30'],
];

for (const [what, date, ramadan, times] of HOURS) {
  test(`hours in UTC: ${what}`, () => {
    assert.equal(
      utc(egxSession(date, { ramadan })),
      times.split(' ').map((time) => `${date}T${time}`),
    );
  });
}

const REFUSED: ReadonlyArray<readonly [date: string, message: string, remedy: string]> = [
  ['2025-12-05', '2025-12-05 is a Friday; the Egyptian Exchange trades Sunday to Thursday', 'take 2025-12-04'],
  ['2025-11-01', '2025-11-01 is a Saturday; the Egyptian Exchange trades Sunday to Thursday', 'take 2025-10-30'],
  ['2025-02-30', '"2025-02-30" is not a date', 'write YYYY-MM-DD, such as 2025-12-01'],
  ['2025-13-01', '"2025-13-01" is not a date', 'write YYYY-MM-DD, such as 2025-12-01'],
  ['1.12.2025', '"1.12.2025" is not a date', 'write YYYY-MM-DD, such as 2025-12-01'],
  ['', '"" is not a date', 'write YYYY-MM-DD, such as 2025-12-01'],
];

for (const [date, message, remedy] of REFUSED) {
  test(`refuses the day ${JSON.stringify(date)}`, () => {
    assert.throws(
      () => egxSession(date),
      (error: unknown) => error instanceof SimulationError && error.message === message && error.remedy === remedy,
    );
  });
}

test('Sunday to Thursday are trading days', () => {
  for (const date of ['2025-11-30', '2025-12-01', '2025-12-02', '2025-12-03', '2025-12-04']) {
    assert.is(egxSession(date).date, date);
    assert.is(lastEgxTradingDay(date), date);
  }
});

test('the date in Cairo changes at Cairo midnight', () => {
  assert.is(cairoDate(Date.UTC(2025, 11, 1, 21, 59, 59, 999) * 1000 + 999), '2025-12-01');
  assert.is(cairoDate(Date.UTC(2025, 11, 1, 22) * 1000), '2025-12-02');
  assert.is(cairoDate(Date.UTC(2025, 6, 1, 20, 59, 59) * 1000), '2025-07-01');
  assert.is(cairoDate(Date.UTC(2025, 6, 1, 21) * 1000), '2025-07-02');
});

const folder = process.env['TICKGATE_DATA_DIR'] ?? resolve(import.meta.dirname, '../../../../shared/data');
const recorded = join(folder, 'egx_1m.csv.gz');
const REAL = 'half a year of recorded minutes lies within the hours, across a change of the clocks';
if (existsSync(recorded)) test(REAL, checkRecordedMinutes);
else test.skip(REAL, 'needs the recorded files: set TICKGATE_DATA_DIR to their folder');

async function checkRecordedMinutes(): Promise<void> {
  const sessions = new Map<string, EgxSession>();
  for await (const batch of readTicks(recorded)) {
    for (const { timeMicros, rowNumber } of batch) {
      const date = cairoDate(timeMicros);
      const session = sessions.get(date) ?? egxSession(date);
      sessions.set(date, session);
      // A bar that starts with the auction holds what was traded in the instant before.
      const isAuction = timeMicros >= session.auctionMicros + MINUTE_MICROS && timeMicros < session.atCloseMicros;
      if (timeMicros < session.openMicros || timeMicros > session.endMicros || isAuction) {
        assert.unreachable(`row ${rowNumber} lies outside the hours of ${date}`);
      }
    }
  }
  assert.is(sessions.size, 133);
}
