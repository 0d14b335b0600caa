import { readFileSync } from 'node:fs';
import { escapeIdentifier, escapeLiteral } from 'pg';
import { InvariantError } from '../errors.ts';

/** Variables of an SQL template, written as `{prefix}`, `{zone}`, `{collation}`, `{arrival}`. */
export interface SqlVariables {
  /** Prefix of every table and view, as `config.ticksPrefix` allows it. */
  readonly prefix?: string;
  /** IANA time zone of a trading day; becomes a quoted literal. */
  readonly zone?: string;
  /** Schema and name of a collation; become quoted identifiers. */
  readonly collation?: readonly [schema: string, name: string];
  /** Column that tells the order of arrival among rows of one time. */
  readonly arrival?: 'ctid' | 'time';
}

/**
 * Reads an SQL file that lies beside this module and fills its variables. For statements that are run as they are:
 * values of users are parameters instead.
 * @throws {InvariantError} when a variable is not given, or the prefix is not a plain name.
 */
export function loadSql(path: string, variables: SqlVariables = {}): string {
  return renderSql(readFileSync(new URL(path, import.meta.url), 'utf8'), variables);
}

/** Fills the variables of `template`, as {@link loadSql} does. */
export function renderSql(template: string, variables: SqlVariables): string {
  const { prefix } = variables;
  if (prefix !== undefined && !/^[a-z][a-z0-9_]{0,30}$/.test(prefix)) {
    throw new InvariantError(`"${prefix}" is no table prefix`);
  }
  const values: Readonly<Record<string, string | undefined>> = {
    prefix,
    arrival: variables.arrival,
    zone: variables.zone === undefined ? undefined : escapeLiteral(variables.zone),
    collation: variables.collation?.map((part) => escapeIdentifier(part)).join('.'),
  };
  const statements = template.replaceAll(/^--.*\n/gm, '');
  return statements.replaceAll(/\{([a-z]+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new InvariantError(`an SQL file asks for {${name}}, which is not given`);
    return value;
  });
}
