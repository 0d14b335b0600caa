export interface CsvErrorOptions {
  readonly file: string;
  /** 1-based line of the (decompressed) file; the header is line 1. Absent when the file as a whole is meant. */
  readonly line?: number | undefined;
  /** Name of the column, or `column 5` for one without a name. */
  readonly column?: string | undefined;
  readonly remedy: string;
  readonly cause?: unknown;
}

/** A file that is no tick CSV. The message is one line and names file, line and column; `remedy` the way to mend it. */
export class CsvError extends Error {
  override readonly name = 'CsvError';
  readonly file: string;
  readonly line: number | undefined;
  readonly column: string | undefined;
  readonly remedy: string;

  constructor(problem: string, options: CsvErrorOptions) {
    const line = options.line === undefined ? '' : `, line ${options.line}`;
    const column = options.column === undefined ? '' : `, ${options.column}`;
    super(`${options.file}${line}${column}: ${problem}`, options.cause === undefined ? {} : { cause: options.cause });
    this.file = options.file;
    this.line = options.line;
    this.column = options.column;
    this.remedy = options.remedy;
  }
}

const MAX_QUOTED_CHARACTERS = 40;

/** A value of a file for a message: quoted, on one line, cut short. */
export function quoteValue(value: string): string {
  const quoted = value.length > MAX_QUOTED_CHARACTERS ? `${value.slice(0, MAX_QUOTED_CHARACTERS)}…` : value;
  return JSON.stringify(quoted);
}
