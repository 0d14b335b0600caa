import type { Rights } from './principal.ts';

/** Claims that the rights are read from; a dotted name reaches into objects, such as `realm_access.roles`. */
export interface JwtClaimNames {
  readonly name: string;
  readonly roles: string;
  /** Undefined: every feed. */
  readonly feeds: string | undefined;
  /** Undefined: every symbol. */
  readonly symbols: string | undefined;
}

const ROLE_PREFIX = 'tickgate:';
const PLAIN_NAME = /^[\w.:@/|+ -]{1,100}$/;
const MAX_NAME_LENGTH = 128;

/**
 * Rights of a JWT's claims. Roles are `feed` and `live`, also with `tickgate:` before them; others belong to other
 * programs. Where a claim for feeds or symbols is configured a token without it has none.
 * @returns undefined where a claim has not the form of a list, or there is no name
 */
export function rightsOf(claims: Readonly<Record<string, unknown>>, names: JwtClaimNames): Rights | undefined {
  const name = nameOf(claimOf(claims, names.name));
  const roles = listOf(claimOf(claims, names.roles));
  const feeds = names.feeds === undefined ? ['*'] : listOf(claimOf(claims, names.feeds));
  const symbols = names.symbols === undefined ? ['*'] : listOf(claimOf(claims, names.symbols));
  if (name === undefined || roles === undefined || feeds === undefined || symbols === undefined) return undefined;
  const plainRoles = roles.map((role) => (role.startsWith(ROLE_PREFIX) ? role.slice(ROLE_PREFIX.length) : role));
  return { name, roles: plainRoles, feeds, symbols };
}

/** A claim by its exact name, which may hold dots as addresses do, else by its dotted path. */
function claimOf(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let value: unknown = claims;
  for (const part of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = new Map(Object.entries(value)).get(part);
  }
  return value;
}

/** A list of texts, or one text with spaces between, as OAuth's `scope`; an absent one is empty. */
function listOf(claim: unknown): readonly string[] | undefined {
  if (claim === undefined || claim === null) return [];
  if (typeof claim === 'string') return claim.split(' ').filter((each) => each !== '');
  if (!Array.isArray(claim)) return undefined;
  const texts = claim.filter((each): each is string => typeof each === 'string');
  return texts.length === claim.length ? texts : undefined;
}

/** Name for logs and limits: printable, and apart from the names of the tokens file. */
function nameOf(claim: unknown): string | undefined {
  if (typeof claim !== 'string' || claim === '') return undefined;
  try {
    const name = PLAIN_NAME.test(claim) ? claim : encodeURIComponent(claim);
    return name.length <= MAX_NAME_LENGTH ? `jwt:${name}` : undefined;
  } catch {
    return undefined;
  }
}
