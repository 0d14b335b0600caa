import { type FileHandle, open, readFile, realpath, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { describeError, UsageError } from '../errors.ts';
import { parseTokenRows } from '../http/tokens/token-rows.ts';

/** A row of the tokens file; a list that is left out allows everything. */
export interface NewTokenRow {
  readonly name: string;
  readonly sha256: string;
  readonly roles: readonly string[];
  readonly feeds?: readonly string[];
  readonly symbols?: readonly string[];
  /** ISO 8601; left out: it does not end. */
  readonly expires?: string;
}

/** As much of the file as adding needs: other rows stay as they are. */
const fileShape = z.looseObject({ tokens: z.array(z.looseObject({ name: z.string() })) });
const NEW_FILE_MODE = 0o600;

/**
 * Adds a row to a tokens file, or begins the file. An existing one is overwritten: a bind mount, a hard link, the
 * owner and the mode stay. Its new text is on disk beside it before, as FILE.new, until it is complete. Two additions at
 * once: the second is refused.
 * @throws {UsageError} when the file is no tokens file, has a row of that name, or cannot be written
 */
export async function addTokenRow(file: string, row: NewTokenRow): Promise<void> {
  const path = await realpath(file).catch(() => file);
  const beside = `${path}.new`;
  const copy = await claim(beside, path);
  let mayDelete = true;
  try {
    const before = await readExisting(path);
    const after = withRow(path, before, row);
    await copy?.writeFile(after);
    await copy?.sync();
    if (before !== undefined) {
      mayDelete = false;
      await overwrite(path, after);
      mayDelete = true;
    } else if (copy !== undefined) await rename(beside, path);
    await syncDirectory(path);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw cannotWrite(path, error, mayDelete ? undefined : beside);
  } finally {
    await copy?.close();
    if (copy !== undefined && mayDelete) await unlink(beside).catch(() => undefined);
  }
}

/** @returns undefined where nothing may be made in the directory, and the file itself is there: a single file mounted */
async function claim(beside: string, path: string): Promise<FileHandle | undefined> {
  try {
    return await open(beside, 'wx', NEW_FILE_MODE);
  } catch (cause) {
    const code = codeOf(cause);
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
      if ((await readExisting(path).catch(() => undefined)) !== undefined) return undefined;
    }
    if (code !== 'EEXIST') throw cannotWrite(path, cause, undefined);
    throw new UsageError(`${beside} is there already: another change of the tokens is under way, or was broken off`, {
      remedy: `try again; if nobody else changes the tokens, compare it with the tokens file, then delete ${beside}`,
      cause,
    });
  }
}

/** @returns undefined where there is no file yet */
async function readExisting(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
}

/** @throws {UsageError} for a file that is none, a row in it that is not valid, or a name that it has already */
function withRow(path: string, before: string | undefined, row: NewTokenRow): string {
  if (before === undefined) return toText({ tokens: [row] });
  let refused;
  try {
    [refused] = parseTokenRows(before).refused;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`${path}: ${error.message}`, { remedy: error.remedy });
  }
  if (refused !== undefined) {
    throw new UsageError(`${path}: the row in line ${refused.line} is not valid: ${refused.reason}`, {
      remedy: 'mend that row, or delete it; the gateway refuses its token',
    });
  }
  const content = fileShape.parse(JSON.parse(before));
  if (content.tokens.some((each) => each.name === row.name)) {
    throw new UsageError(`${path} has a token named ${JSON.stringify(row.name)} already`, {
      remedy: 'choose another --name, such as one with the year; delete the old row when nobody uses it any more',
    });
  }
  return toText({ ...content, tokens: [...content.tokens, row] });
}

function toText(content: object): string {
  return `${JSON.stringify(content, undefined, 2)}\n`;
}

/** Overwrites the file by one write as long as the old text at least: a reader never sees the end of the old one. */
async function overwrite(path: string, text: string): Promise<void> {
  await using handle = await open(path, 'r+');
  const bytes = Buffer.from(text);
  const { size } = await handle.stat();
  const padding = Buffer.alloc(Math.max(0, size - bytes.length), ' ');
  const padded = Buffer.concat([bytes, padding]);
  let written = 0;
  while (written < padded.length) {
    written += (await handle.write(padded, written, padded.length - written, written)).bytesWritten;
  }
  await handle.truncate(bytes.length);
  await handle.sync();
}

/** Makes a new name durable. Where a directory cannot be opened there is nothing to do. */
async function syncDirectory(path: string): Promise<void> {
  const handle = await open(dirname(path), 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

function cannotWrite(path: string, cause: unknown, copy: string | undefined): UsageError {
  const remedy =
    copy === undefined
      ? `name a file in a folder that exists and may be written, such as one in ${dirname(path)}`
      : `the new text is in ${copy}: copy it into ${path} when the cause is gone, then delete it`;
  return new UsageError(`the tokens file ${path} cannot be written: ${describeError(cause)}`, { remedy, cause });
}
