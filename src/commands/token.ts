import { createHash } from 'node:crypto';
import { type Command, InvalidArgumentError } from 'commander';
import { randomId } from '../base/random-id.ts';
import { UsageError } from '../errors.ts';
import { expiryMs } from '../http/tokens/token-rows.ts';
import { isFeedName } from '../protocol/feed-request.ts';
import { isSymbol } from '../market/tick.ts';
import { addTokenRow, type NewTokenRow } from './tokens-file.ts';
import { collect, collectOneOf } from './options.ts';
import { print } from './terminal.ts';

const ROLES = ['feed', 'live'] as const;

interface TokenOptions {
  readonly name: string;
  readonly role: ReadonlyArray<(typeof ROLES)[number]>;
  readonly feed?: readonly string[];
  readonly symbol?: readonly string[];
  readonly file?: string;
  /** ISO 8601 in UTC. */
  readonly expires?: string;
}

const TOKEN_BYTES = 32;
const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};
/** End of the years that ISO 8601 writes with four digits. */
const MAX_EXPIRY_MS = Date.UTC(10_000, 0);

export function registerToken(program: Command): void {
  program
    .command('token')
    .description('makes an access token and its row for GATEWAY_TOKENS_FILE; the token itself is printed once')
    .requiredOption('--name <name>', 'whose token it is, such as egx-feed', parseName)
    .requiredOption('--role <role>', 'feed publishes, live watches; may be given twice', collectOneOf(ROLES))
    .option(
      '--feed <name>',
      'feed it may publish, * at the end for any; may be repeated (default: every feed)',
      collect,
    )
    .option('--symbol <symbol>', 'symbol it may watch; may be repeated (default: every symbol)', collect)
    .option(
      '--expires <when>',
      'end of its validity: a time from now such as 90d or 12h, or an ISO 8601 date',
      parseExpires,
    )
    .option('--file <path>', 'adds the row to this file; a running gateway takes it over at once')
    .action(async (options: TokenOptions, command: Command) => {
      refuseBadRights(options);
      const token = `tickgate_${randomId(TOKEN_BYTES)}`;
      const row = toRow(options, token);
      if (options.file !== undefined) await addTokenRow(options.file, row);
      const where = options.file === undefined ? JSON.stringify(row) : `its row is in ${options.file}`;
      print(command, `${token}\n${where}`, {
        token,
        row,
        ...(options.file === undefined ? {} : { file: options.file }),
      });
    });
}

function toRow({ name, role, feed, symbol, expires }: TokenOptions, token: string): NewTokenRow {
  return {
    name,
    sha256: createHash('sha256').update(token).digest('hex'),
    roles: [...new Set(role)],
    ...(feed === undefined ? {} : { feeds: feed }),
    ...(symbol === undefined ? {} : { symbols: symbol }),
    ...(expires === undefined ? {} : { expires }),
  };
}

/** @throws {UsageError} */
function refuseBadRights({ role, feed = [], symbol = [] }: TokenOptions): void {
  if (feed.length > 0 && !role.includes('feed')) {
    throw new UsageError('--feed is for tokens that publish', { remedy: 'add --role feed, or leave --feed out' });
  }
  if (symbol.length > 0 && !role.includes('live')) {
    throw new UsageError('--symbol is for tokens that watch', { remedy: 'add --role live, or leave --symbol out' });
  }
  for (const name of feed) {
    if (name === '*' || isFeedName(name.endsWith('*') ? name.slice(0, -1) : name)) continue;
    throw new UsageError(`--feed ${JSON.stringify(name)} is not a feed name`, {
      remedy: 'use letters, digits, . _ : - (64 at the most), and * at the end for whatever follows',
    });
  }
  for (const name of symbol) {
    if (name === '*' || isSymbol(name)) continue;
    throw new UsageError(`--symbol ${JSON.stringify(name)} is not a symbol`, { remedy: 'such as COMI, or * for all' });
  }
}

/** @returns the moment as ISO 8601 in UTC, without fractions of a second */
function parseExpires(text: string): string {
  const [, count = '', unit = ''] = /^(\d{1,6})([smhdw])$/.exec(text) ?? [];
  const endsAtMs = unit === '' ? expiryMs(text) : Date.now() + Number(count) * (UNIT_MS[unit] ?? 0);
  if (!(endsAtMs > Date.now() && endsAtMs < MAX_EXPIRY_MS)) {
    throw new InvalidArgumentError(
      'a time from now such as 90d or 12h, a date such as 2027-01-31 (it ends at 00:00 UTC), or a time with a zone is expected, in the future',
    );
  }
  return new Date(endsAtMs).toISOString().replace(/\.\d+Z$/, 'Z');
}

function parseName(text: string): string {
  if (!/^[\w.:@/ -]{1,64}$/.test(text)) {
    throw new InvalidArgumentError('1 to 64 letters, digits, spaces and . _ : @ / - are expected');
  }
  return text;
}
