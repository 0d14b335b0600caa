import { createHash } from 'node:crypto';
import { type Command, InvalidArgumentError } from 'commander';
import { randomId } from '../base/random-id.ts';
import { UsageError } from '../errors.ts';
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
}

const TOKEN_BYTES = 32;

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

function toRow({ name, role, feed, symbol }: TokenOptions, token: string): NewTokenRow {
  return {
    name,
    sha256: createHash('sha256').update(token).digest('hex'),
    roles: [...new Set(role)],
    ...(feed === undefined ? {} : { feeds: feed }),
    ...(symbol === undefined ? {} : { symbols: symbol }),
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

function parseName(text: string): string {
  if (!/^[\w.:@/ -]{1,64}$/.test(text)) {
    throw new InvalidArgumentError('1 to 64 letters, digits, spaces and . _ : @ / - are expected');
  }
  return text;
}
