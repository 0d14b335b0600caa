import * as assert from 'uvu/assert';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { CsvError } from '../../../clients/csv/csv-error.ts';
import { inspectCsv, readTicks } from '../../../clients/csv/tick-csv.ts';
import type { CsvTick } from '../../../clients/csv/tick-row.ts';
import { suite } from '../../support/suite.ts';

const HEADER = 'time,symbol,price,volume';
/** A user without rights, for what root may read anyway. */
const NOBODY = 65_534;
const ROW = '2025-12-01T08:00:00.000Z,COMI,107.50,1000';
const GOOD = `${HEADER}\n${ROW}\n2025-12-01T08:00:01.250Z,FWRY,16.00,25\n2025-12-01T07:59:59Z,COMI,107.49,3\n`;

const test = suite('clients/csv/tick-csv');
let folder = '';
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tick-csv-'));
});
test.after(() => rm(folder, { recursive: true }));

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

async function readAll(path: string, options: Parameters<typeof readTicks>[1] = {}): Promise<CsvTick[]> {
  const ticks: CsvTick[] = [];
  for await (const batch of readTicks(path, options)) ticks.push(...batch);
  return ticks;
}

async function isOpen(path: string): Promise<boolean> {
  const descriptors = await readdir('/proc/self/fd');
  const targets = await Promise.all(descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
  return targets.includes(path);
}

async function refusal(path: string): Promise<CsvError> {
  try {
    await inspectCsv(path);
  } catch (error) {
    if (error instanceof CsvError) return error;
    throw error;
  }
  throw new Error(`${path} was accepted`);
}

test('yields every row with its number, time, symbol, price and volume', async () => {
  assert.equal(await readAll(await file('good.csv', GOOD)), [
    { rowNumber: 1, timeMicros: Date.UTC(2025, 11, 1, 8) * 1000, symbol: 'COMI', price: 107.5, volume: 1000 },
    { rowNumber: 2, timeMicros: Date.UTC(2025, 11, 1, 8, 0, 1, 250) * 1000, symbol: 'FWRY', price: 16, volume: 25 },
    { rowNumber: 3, timeMicros: Date.UTC(2025, 11, 1, 7, 59, 59) * 1000, symbol: 'COMI', price: 107.49, volume: 3 },
  ]);
});

test('inspects rows, totals per symbol, earliest and latest time, and the hash of the content', async () => {
  const found = await inspectCsv(await file('inspect.csv', GOOD));
  assert.is(found.rows, 3);
  assert.equal(
    [...found.symbols],
    [
      ['COMI', { count: 2, volume: 1003 }],
      ['FWRY', { count: 1, volume: 25 }],
    ],
  );
  assert.is(found.firstMicros, Date.UTC(2025, 11, 1, 7, 59, 59) * 1000);
  assert.is(found.lastMicros, Date.UTC(2025, 11, 1, 8, 0, 1, 250) * 1000);
  assert.is(found.sha256, createHash('sha256').update(GOOD).digest('hex'));
});

test('a gzip is known by its bytes, whatever its name, and inspects like the plain file', async () => {
  const plain = await inspectCsv(await file('plain.csv', GOOD));
  assert.equal(await inspectCsv(await file('no-gz-suffix.csv', gzipSync(GOOD))), plain);
  assert.equal(await inspectCsv(await file('not-gzip.csv.gz', GOOD)), plain);
});

test('a gzip of several members is read to its end', async () => {
  const half = GOOD.indexOf('FWRY');
  const members = Buffer.concat([gzipSync(GOOD.slice(0, half)), gzipSync(GOOD.slice(half))]);
  assert.is((await inspectCsv(await file('members.gz', members))).rows, 3);
});

test('tolerates BOM, CRLF, quotes, empty lines and a missing last line end, and numbers data rows only', async () => {
  const expected = await readAll(await file('reference.csv', GOOD));
  assert.equal(await readAll(await file('bom.csv', `\uFEFF${GOOD}`)), expected);
  assert.equal(await readAll(await file('crlf.csv', GOOD.replaceAll('\n', '\r\n'))), expected);
  assert.equal(await readAll(await file('mixed.csv', GOOD.replace('\n', '\r\n'))), expected);
  assert.equal(await readAll(await file('quoted.csv', GOOD.replaceAll('COMI', '"COMI"'))), expected);
  assert.equal(await readAll(await file('blank.csv', GOOD.replaceAll('\n', '\n\n'))), expected);
  assert.equal(await readAll(await file('last.csv', GOOD.trimEnd())), expected);
});

test('a header alone is a file of no rows', async () => {
  const found = await inspectCsv(await file('header.csv', `${HEADER}\n`));
  assert.is(found.rows, 0);
  assert.is(found.firstMicros, undefined);
  assert.is(found.lastMicros, undefined);
  assert.equal(await readAll(join(folder, 'header.csv')), []);
});

test('microseconds are kept and further digits cut, in any zone', async () => {
  const base = Date.UTC(2025, 11, 1, 8) * 1000;
  const cases: ReadonlyArray<readonly [string, number]> = [
    ['2025-12-01T08:00:00.000001Z', base + 1],
    ['2025-12-01T08:00:00.123456999Z', base + 123_456],
    ['2025-12-01T08:00:00.5Z', base + 500_000],
    ['2025-12-01T10:00:00+02:00', base],
    ['2025-12-01 08:00:00+00:00', base],
    ['1969-12-31T23:59:59.999999Z', -1],
  ];
  const text = [HEADER, ...cases.map(([time]) => `${time},COMI,1,1`)].join('\n');
  const ticks = await readAll(await file('times.csv', text));
  assert.equal(
    ticks.map((tick) => tick.timeMicros),
    cases.map(([, micros]) => micros),
  );
});

test('what is a number or a symbol, however unlikely, is passed on for the gateway to judge', async () => {
  const rows = [
    '2025-12-01T08:00:00Z,COMI,107.5,0.25',
    '2025-12-01T08:00:00Z,COMI,-1,-5',
    '2025-12-01T08:00:00Z,COMI,1e15,2e13',
    '1999-12-31T23:59:59Z,not a symbol,0,1',
    '2025-12-01T08:00:00Z,,+.5,1.',
  ];
  const ticks = await readAll(await file('odd.csv', [HEADER, ...rows].join('\n')));
  assert.equal(
    ticks.map((tick) => [tick.symbol, tick.price, tick.volume]),
    [
      ['COMI', 107.5, 0.25],
      ['COMI', -1, -5],
      ['COMI', 1e15, 2e13],
      ['not a symbol', 0, 1],
      ['', 0.5, 1],
    ],
  );
});

test('reads on after a row, in batches of the asked size with consecutive numbers', async () => {
  const rows = Array.from({ length: 25_000 }, (_, row) => `2025-12-01T08:00:00Z,S${row + 1},1,1`);
  const path = await file('long.csv', [HEADER, ...rows].join('\n'));
  const sizes: number[] = [];
  let next = 1_235;
  for await (const batch of readTicks(path, { afterRow: 1_234, batchRows: 500 })) {
    sizes.push(batch.length);
    for (const tick of batch) {
      assert.is(tick.rowNumber, next);
      assert.is(tick.symbol, `S${next}`);
      next += 1;
    }
  }
  assert.is(next, 25_001);
  assert.ok(sizes.every((size) => size > 0 && size <= 500));
  assert.equal(await readAll(path, { afterRow: 25_000 }), []);
});

test('a loop that is left early closes the file', async () => {
  const rows = Array.from({ length: 100_000 }, () => ROW);
  const content = [HEADER, ...rows].join('\n');
  for (const path of [await file('left.csv', content), await file('left.csv.gz', gzipSync(content))]) {
    for await (const batch of readTicks(path)) {
      assert.is(batch[0]?.rowNumber, 1);
      break;
    }
    for (let wait = 0; wait < 100 && (await isOpen(path)); wait++) await sleep(10);
    assert.not(await isOpen(path));
  }
});

const BAD_CONTENT: ReadonlyArray<readonly [what: string, content: string | Uint8Array, message: string]> = [
  ['an empty file', '', ': is empty'],
  ['blank lines only', '\n\n', ': is empty'],
  ['an empty gzip', gzipSync(''), ': is empty'],
  [
    'another header',
    `date,symbol,price,volume\n${ROW}`,
    ', line 1, column 1: the header is "date,symbol,price,volume", not time,symbol,price,volume',
  ],
  [
    'other separators',
    'time;symbol;price;volume\n',
    ', line 1, column 1: the header is "time;symbol;price;volume", not time,symbol,price,volume',
  ],
  [
    'columns in another order',
    'time,symbol,volume,price\n',
    ', line 1, column 3: the header is "time,symbol,volume,price", not time,symbol,price,volume',
  ],
  [
    'a column too many in the header',
    'time,symbol,price,volume,side\n',
    ', line 1, column 5: the header is "time,symbol,price,volume,side", not time,symbol,price,volume',
  ],
  [
    'no header',
    `${ROW}\n`,
    ', line 1, column 1: the header is "2025-12-01T08:00:00.000Z,COMI,107.50,100…", not time,symbol,price,volume',
  ],
  [
    'a short row',
    `${HEADER}\n${ROW}\n2025-12-01T08:00:00Z,COMI,107.50\n`,
    ', line 3, column volume: the row has 3 of 4 columns',
  ],
  [
    'a row cut in its symbol',
    `${HEADER}\n${ROW}\n2025-12-01T08:00:00Z,CO`,
    ', line 3, column price: the row has 2 of 4 columns',
  ],
  ['a long row', `${HEADER}\n${ROW},7\n`, ', line 2, column 5: the row has 5 columns instead of 4'],
  [
    'a thousands separator',
    `${HEADER}\n2025-12-01T08:00:00Z,ORAS,1,234.5,10\n`,
    ', line 2, column 5: the row has 5 columns instead of 4',
  ],
  [
    'a word as price',
    `${HEADER}\n${ROW}\n\n2025-12-01T08:00:00Z,COMI,abc,1\n`,
    ', line 4, column price: "abc" is not a number',
  ],
  [
    'a word as price, CRLF',
    `${HEADER}\r\n${ROW}\r\n2025-12-01T08:00:00Z,COMI,abc,1\r\n`,
    ', line 3, column price: "abc" is not a number',
  ],
  ['no price', `${HEADER}\n2025-12-01T08:00:00Z,COMI,,1\n`, ', line 2, column price: "" is not a number'],
  ['NaN', `${HEADER}\n2025-12-01T08:00:00Z,COMI,NaN,1\n`, ', line 2, column price: "NaN" is not a number'],
  [
    'Infinity',
    `${HEADER}\n2025-12-01T08:00:00Z,COMI,Infinity,1\n`,
    ', line 2, column price: "Infinity" is not a number',
  ],
  [
    'a hexadecimal volume',
    `${HEADER}\n2025-12-01T08:00:00Z,COMI,1,0x10\n`,
    ', line 2, column volume: "0x10" is not a number',
  ],
  [
    'a quoted thousands separator',
    `${HEADER}\n2025-12-01T08:00:00Z,COMI,1,"1,000"\n`,
    ', line 2, column volume: "1,000" is not a number',
  ],
  [
    'a space before the volume',
    `${HEADER}\n2025-12-01T08:00:00Z,COMI,1, 10\n`,
    ', line 2, column volume: " 10" is not a number',
  ],
  [
    'a time without a zone',
    `${HEADER}\n2025-12-01T08:00:00.5,COMI,1,1\n`,
    ', line 2, column time: "2025-12-01T08:00:00.5" is a time without a zone',
  ],
  [
    'a day that does not exist',
    `${HEADER}\n2025-02-30T08:00:00Z,COMI,1,1\n`,
    ', line 2, column time: "2025-02-30T08:00:00Z" is not a time',
  ],
  [
    'an hour that does not exist',
    `${HEADER}\n2025-02-03T25:00:00Z,COMI,1,1\n`,
    ', line 2, column time: "2025-02-03T25:00:00Z" is not a time',
  ],
  ['seconds since the epoch', `${HEADER}\n1733040000,COMI,1,1\n`, ', line 2, column time: "1733040000" is not a time'],
  ['a value of several lines', `${HEADER}\n"a\nb",COMI,1,1\n`, ', line 3, column time: "a\\nb" is not a time'],
  [
    'an open quote',
    `${HEADER}\n2025-12-01T08:00:00Z,"COMI,1,1\n`,
    ', line 2, column symbol: a quote is not closed before the file ends',
  ],
  ['a stray quote', `${HEADER}\n2025-12-01T08:00:00Z,CO"MI,1,1\n`, ', line 2, column symbol: a stray quote'],
  ['text after a quote', `${HEADER}\n2025-12-01T08:00:00Z,"CO"MI,1,1\n`, ', line 2, column symbol: a stray quote'],
  ['a line without an end', 'x'.repeat(1_000_000), ', line 1, column time: a row of more than 4096 characters'],
];

for (const [what, content, message] of BAD_CONTENT) {
  test(`refuses ${what}, naming file, line and column`, async () => {
    const path = await file('bad.csv', content);
    const error = await refusal(path);
    assert.is(error.message, path + message);
    assert.not.match(error.message, '\n');
    assert.ok(error.remedy.length > 0);
    assert.is(error.file, path);
    const [, line, column] = /^, line (\d+), (column \w+): /.exec(message) ?? [];
    assert.is(error.line, line === undefined ? undefined : Number(line));
    assert.is(error.column, column);
    await assertReadRefuses(path, error.message);
  });
}

async function assertReadRefuses(path: string, message: string): Promise<void> {
  const error = await readAll(path).catch((thrown: unknown) => thrown);
  assert.instance(error, CsvError);
  assert.is(error instanceof CsvError && error.message, message);
}

test('refuses a gzip that ends too early, naming the line reached', async () => {
  const rows = Array.from({ length: 20_000 }, (_, row) => `2025-12-01T08:00:00Z,S${row * 7919},1.${row},${row * 31}`);
  const whole = gzipSync([HEADER, ...rows].join('\n'));
  const path = await file('cut.csv.gz', whole.subarray(0, whole.length >> 1));
  const error = await refusal(path);
  assert.match(error.message, /cut\.csv\.gz, line \d+: the gzip data ends too early$/);
  assert.ok((error.line ?? 0) > 1_000 && (error.line ?? 0) < 20_001, `line ${error.line}`);
});

test('refuses a gzip whose bytes have changed', async () => {
  const whole = gzipSync(GOOD);
  whole[whole.length - 6] = (whole[whole.length - 6] ?? 0) ^ 1;
  assert.match((await refusal(await file('changed.csv.gz', whole))).message, /: the gzip data is damaged$/);
});

test('refuses what is no readable file', async () => {
  await mkdir(join(folder, 'folder'));
  await symlink('loop', join(folder, 'loop'));
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  const cases: ReadonlyArray<readonly [string, string]> = [
    ['missing.csv', 'no such file'],
    ['missing/file.csv', 'no such file'],
    ['folder', 'is a directory'],
    ['loop', 'is a symbolic link that leads to itself'],
    ['pipe', 'is not a regular file'],
  ];
  for (const [name, problem] of cases) {
    const path = join(folder, name);
    assert.is((await refusal(path)).message, `${path}: ${problem}`);
  }
});

test('refuses a file this user may not read', async () => {
  const path = await file('secret.csv', GOOD);
  await chmod(path, 0);
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(NOBODY);
  try {
    assert.is((await refusal(path)).message, `${path}: may not be read by this user`);
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
});
