import { parseIsoMicros, type Tick } from '../../src/market/tick.ts';
import { CsvError, quoteValue } from './csv-error.ts';

/** A row of a tick CSV. Its values need not be those of a valid tick; they are a time and numbers. */
export interface CsvTick extends Tick {
  /** 1-based number of the data row, header and empty lines not counted: the tick's sequence number. */
  readonly rowNumber: number;
}

export const COLUMNS = ['time', 'symbol', 'price', 'volume'] as const;
const HEADER = COLUMNS.join(',');

/** Where a record stands, for messages. */
export interface RowPosition {
  readonly file: string;
  readonly line: number;
}

/** @throws {CsvError} unless the record is the header `time,symbol,price,volume` */
export function checkHeader(fields: readonly string[], position: RowPosition): void {
  const wrong = COLUMNS.findIndex((name, index) => fields[index] !== name);
  if (wrong < 0 && fields.length === COLUMNS.length) return;
  throw new CsvError(`the header is ${quoteValue(fields.join(','))}, not ${HEADER}`, {
    ...position,
    column: `column ${wrong < 0 ? COLUMNS.length + 1 : wrong + 1}`,
    remedy: `make the first line ${HEADER}`,
  });
}

/**
 * A record as a tick. Fractional volumes and values out of range are passed on: the gateway rejects such ticks by name.
 * @throws {CsvError} where a field is missing or too much, no number, or no time
 */
export function parseTickRow(fields: readonly string[], rowNumber: number, position: RowPosition): CsvTick {
  const [time, symbol, price, volume] = fields;
  if (time === undefined || symbol === undefined || price === undefined || volume === undefined) {
    throw new CsvError(`the row has ${fields.length} of 4 columns`, {
      ...position,
      column: `column ${COLUMNS[fields.length] ?? ''}`,
      remedy: `give every row the columns ${HEADER}`,
    });
  }
  if (fields.length > COLUMNS.length) {
    throw new CsvError(`the row has ${fields.length} columns instead of 4`, {
      ...position,
      column: `column ${COLUMNS.length + 1}`,
      remedy: `give every row the columns ${HEADER}; quote a value that holds a comma`,
    });
  }
  const timeMicros = parseIsoMicros(time);
  if (Number.isNaN(timeMicros)) throw badTime(time, position);
  return {
    rowNumber,
    timeMicros,
    symbol,
    price: parseDecimal(price, 'price', position),
    volume: parseDecimal(volume, 'volume', position),
  };
}

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

function parseDecimal(text: string, column: 'price' | 'volume', position: RowPosition): number {
  if (DECIMAL.test(text)) return Number(text);
  const example = column === 'price' ? 'a decimal number such as 45.50' : 'a whole number such as 1000';
  throw new CsvError(`${quoteValue(text)} is not a number`, {
    ...position,
    column: `column ${column}`,
    remedy: `write ${example}, with a point and without separators`,
  });
}

const WITHOUT_ZONE = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?$/;

function badTime(text: string, position: RowPosition): CsvError {
  const problem = WITHOUT_ZONE.test(text)
    ? `${quoteValue(text)} is a time without a zone`
    : `${quoteValue(text)} is not a time`;
  return new CsvError(problem, {
    ...position,
    column: 'column time',
    remedy: 'write ISO-8601 with a zone, such as 2025-12-01T08:00:00.000001Z or 2025-12-01T10:00:00+02:00',
  });
}
