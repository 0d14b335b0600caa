import { createHash, type Hash } from 'node:crypto';
import { CsvError as CsvSyntaxError, parse } from 'csv-parse';
import { CsvError } from './csv-error.ts';
import { explainReadError, openContent } from './file-content.ts';
import { checkHeader, COLUMNS, type CsvTick, parseTickRow } from './tick-row.ts';

const DEFAULT_BATCH_ROWS = 1_000;
/** No row of four values is longer; a binary file without line ends is noticed here instead of filling the memory. */
const MAX_ROW_CHARACTERS = 4_096;

export interface SymbolTotals {
  count: number;
  volume: number;
}

/** Summary of a whole, valid file. */
export interface CsvInspection {
  readonly rows: number;
  /** Of the decompressed bytes, in hex: the same for a file and its gzip. */
  readonly sha256: string;
  readonly symbols: ReadonlyMap<string, Readonly<SymbolTotals>>;
  /** Earliest and latest time of all rows, which may stand in any order; undefined without rows. */
  readonly firstMicros: number | undefined;
  readonly lastMicros: number | undefined;
}

export interface ReadTicksOptions {
  /** Leaves out this row and those before it. Default 0: none. */
  readonly afterRow?: number;
  /** At most this many rows in a batch. Default 1,000. */
  readonly batchRows?: number;
}

/**
 * Reads a whole file, so that nothing of it is published unless all of it is well-formed.
 * @throws {CsvError} at the first thing that is wrong
 */
export async function inspectCsv(file: string): Promise<CsvInspection> {
  const hash = createHash('sha256');
  const content = hashed(await openContent(file), hash);
  const symbols = new Map<string, SymbolTotals>();
  let [rows, first, last] = [0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for await (const batch of parseContent(file, content, 0, DEFAULT_BATCH_ROWS)) {
    rows += batch.length;
    for (const tick of batch) {
      let totals = symbols.get(tick.symbol);
      if (totals === undefined) symbols.set(tick.symbol, (totals = { count: 0, volume: 0 }));
      totals.count += 1;
      totals.volume += tick.volume;
      if (tick.timeMicros < first) first = tick.timeMicros;
      if (tick.timeMicros > last) last = tick.timeMicros;
    }
  }
  return {
    rows,
    sha256: hash.digest('hex'),
    symbols,
    firstMicros: rows > 0 ? first : undefined,
    lastMicros: rows > 0 ? last : undefined,
  };
}

/**
 * The rows of a file in their order, in batches with consecutive row numbers. Leaving the loop closes the file.
 * @throws {CsvError} at the first thing that is wrong
 */
export async function* readTicks(file: string, options: ReadTicksOptions = {}): AsyncGenerator<CsvTick[]> {
  const { afterRow = 0, batchRows = DEFAULT_BATCH_ROWS } = options;
  yield* parseContent(file, await openContent(file), afterRow, batchRows);
}

async function* hashed(content: AsyncIterable<Buffer>, hash: Hash): AsyncGenerator<Buffer> {
  for await (const chunk of content) {
    hash.update(chunk);
    yield chunk;
  }
}

async function* parseContent(
  file: string,
  content: AsyncIterable<Buffer>,
  afterRow: number,
  batchRows: number,
): AsyncGenerator<CsvTick[]> {
  let rowNumber = -1;
  let parsed: CsvTick[] = [];
  const parser = parse({
    bom: true,
    record_delimiter: ['\r\n', '\n'],
    skip_empty_lines: true,
    max_record_size: MAX_ROW_CHARACTERS,
    // Rows of a wrong length come through, so that the message is ours.
    relax_column_count: true,
    on_record: (fields, { lines }) => {
      rowNumber += 1;
      const position = { file, line: lines };
      if (rowNumber === 0) checkHeader(fields, position);
      else if (rowNumber > afterRow) parsed.push(parseTickRow(fields, rowNumber, position));
      return null;
    },
  });
  // The callbacks of write and end tell the same error.
  parser.on('error', () => {});
  try {
    for await (const chunk of content) {
      await settled((done) => parser.write(chunk, done));
      let taken = 0;
      while (parsed.length - taken >= batchRows) yield parsed.slice(taken, (taken += batchRows));
      if (taken > 0) parsed = parsed.slice(taken);
    }
    await settled((done) => parser.end(done));
  } catch (error) {
    if (error instanceof CsvSyntaxError) throw explainSyntaxError(file, error);
    throw explainReadError(file, parser.info.lines, error);
  }
  if (rowNumber < 0) throw emptyFile(file);
  for (let taken = 0; taken < parsed.length; taken += batchRows) yield parsed.slice(taken, taken + batchRows);
}

function settled(call: (done: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => call((error) => (error ? reject(error) : resolve())));
}

function emptyFile(file: string): CsvError {
  return new CsvError('is empty', { file, remedy: `give it the header ${COLUMNS.join(',')} and rows` });
}

function explainSyntaxError(file: string, error: CsvSyntaxError): CsvError {
  const line = typeof error['lines'] === 'number' ? error['lines'] : undefined;
  const column = typeof error['column'] === 'number' ? COLUMNS[error['column']] : undefined;
  const [problem, remedy] = describeSyntax(error.code);
  return new CsvError(problem, { file, line, column: column && `column ${column}`, remedy, cause: error });
}

function describeSyntax(code: string): readonly [problem: string, remedy: string] {
  switch (code) {
    case 'CSV_MAX_RECORD_SIZE':
      return [
        `a row of more than ${MAX_ROW_CHARACTERS} characters`,
        'name a CSV file, plain or gzip; close every quote',
      ];
    case 'CSV_QUOTE_NOT_CLOSED':
      return ['a quote is not closed before the file ends', 'close the quote, or remove it'];
    case 'CSV_INVALID_CLOSING_QUOTE':
    case 'INVALID_OPENING_QUOTE':
      return ['a stray quote', 'quote whole values only, and write a quote inside one twice'];
    default:
      return ['is not CSV', 'name a CSV file, plain or gzip'];
  }
}
