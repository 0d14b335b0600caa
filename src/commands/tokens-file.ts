import { type FileHandle, open, readFile, realpath, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { describeError, UsageError } from '../errors.ts';
import { AccessTokens } from '../http/access-tokens.ts';

/** A row of the tokens file; a list that is left out allows everything. */
export interface NewTokenRow {
  readonly name: string;
  readonly sha256: string;
  readonly roles: readonly string[];
  readonly feeds?: readonly string[];
  readonly symbols?: readonly string[];
}

/** As much of the file as adding needs: other rows stay as they are. */
const fileShape = z.looseObject({ tokens: z.array(z.looseObject({ name: z.string() })) });
const NEW_FILE_MODE = 0o600;

/**
 * Adds a row to a tokens file, or begins the file. A gateway that reads it meanwhile sees the old file or the new one.
 * Two additions at once: the second is refused.
 * @throws {UsageError} when the file is no tokens file, has a row of that name, or cannot be written
 */
export async function addTokenRow(file: string, row: NewTokenRow): Promise<void> {
  const path = await realpath(file).catch(() => file);
  const beside = `${path}.new`;
  const handle = await claim(beside, path);
  try {
    const mode = await writeWithRow(handle, path, row);
    await handle.chmod(mode);
    await handle.sync();
    // Validates by the gateway's own reader, before the gateway can see the file.
    new AccessTokens(beside)[Symbol.dispose]();
    await rename(beside, path);
  } catch (error) {
    await unlink(beside).catch(() => undefined);
    if (error instanceof UsageError) throw error;
    throw cannotWrite(path, error);
  } finally {
    await handle.close();
  }
}

async function claim(beside: string, path: string): Promise<FileHandle> {
  try {
    return await open(beside, 'wx', NEW_FILE_MODE);
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')) throw cannotWrite(path, cause);
    throw new UsageError(`${beside} is there already: another change of the tokens is under way, or was broken off`, {
      remedy: `try again; if nobody else changes the tokens, delete ${beside}`,
      cause,
    });
  }
}

/** @returns the mode of the file that is replaced */
async function writeWithRow(handle: FileHandle, path: string, row: NewTokenRow): Promise<number> {
  const before = await readFile(path, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (before === undefined) {
    await handle.writeFile(`${JSON.stringify({ tokens: [row] }, undefined, 2)}\n`);
    return NEW_FILE_MODE;
  }
  // A file that is no tokens file is refused in the gateway's own words.
  new AccessTokens(path)[Symbol.dispose]();
  const content = fileShape.parse(JSON.parse(before));
  if (content.tokens.some((each) => each.name === row.name)) {
    throw new UsageError(`${path} has a token named ${JSON.stringify(row.name)} already`, {
      remedy: 'choose another --name, such as one with the year; delete the old row when nobody uses it any more',
    });
  }
  await handle.writeFile(`${JSON.stringify({ ...content, tokens: [...content.tokens, row] }, undefined, 2)}\n`);
  return (await stat(path)).mode & 0o777;
}

function cannotWrite(path: string, cause: unknown): UsageError {
  return new UsageError(`the tokens file ${path} cannot be written: ${describeError(cause)}`, {
    remedy: `name a file in a folder that exists and may be written, such as one in ${dirname(path)}`,
    cause,
  });
}
