import { type FileHandle, open, stat } from 'node:fs/promises';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { CsvError } from './csv-error.ts';

const CHUNK_BYTES = 256 * 1024;
const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);

/**
 * The bytes of a file, decompressed where its first bytes (not its name) say gzip. Closed with the stream.
 * Only regular files: they are read twice, and a pipe could not be.
 * @throws {CsvError} when the file cannot be opened; the stream itself fails with errors for `explainReadError`
 */
export async function openContent(file: string): Promise<Readable> {
  const handle = await openRegular(file);
  try {
    const head = Buffer.alloc(GZIP_MAGIC.length);
    const { bytesRead } = await handle.read(head, 0, head.length, 0);
    const raw = handle.createReadStream({ start: 0, highWaterMark: CHUNK_BYTES });
    if (bytesRead < head.length || !head.equals(GZIP_MAGIC)) return raw;
    // The callback may stay empty: a failure of either end reaches the reader of the last stream.
    return pipeline(raw, createGunzip({ chunkSize: CHUNK_BYTES }), () => {});
  } catch (error) {
    await handle.close();
    throw explainReadError(file, undefined, error);
  }
}

async function openRegular(file: string): Promise<FileHandle> {
  try {
    const stats = await stat(file);
    if (stats.isDirectory()) throw new CsvError('is a directory', { file, remedy: 'name a file in it' });
    if (!stats.isFile()) {
      throw new CsvError('is not a regular file', { file, remedy: 'write what it yields into a file and name that' });
    }
    return await open(file, 'r');
  } catch (error) {
    throw explainReadError(file, undefined, error);
  }
}

/** Explains a failed read to the person that named the file; a CsvError is given back as it is. */
export function explainReadError(file: string, line: number | undefined, error: unknown): CsvError {
  if (error instanceof CsvError) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const known = PROBLEMS[code];
  if (known !== undefined) return new CsvError(known.problem, { file, line, remedy: known.remedy, cause: error });
  const text = error instanceof Error ? error.message : String(error);
  return new CsvError(`cannot be read: ${text}`, { file, line, remedy: 'check the file and its disk', cause: error });
}

const DAMAGED = { problem: 'the gzip data is damaged', remedy: 'fetch the file again; gzip -t checks it' };

const PROBLEMS: Readonly<Record<string, { readonly problem: string; readonly remedy: string }>> = {
  ENOENT: { problem: 'no such file', remedy: 'check the path' },
  ENOTDIR: { problem: 'no such file', remedy: 'check the path' },
  ELOOP: { problem: 'is a symbolic link that leads to itself', remedy: 'name the file it should lead to' },
  EACCES: { problem: 'may not be read by this user', remedy: 'give this user the right to read it' },
  EPERM: { problem: 'may not be read by this user', remedy: 'give this user the right to read it' },
  Z_BUF_ERROR: { problem: 'the gzip data ends too early', remedy: 'fetch the file again; gzip -t checks it' },
  Z_DATA_ERROR: DAMAGED,
  Z_NEED_DICT: DAMAGED,
};
