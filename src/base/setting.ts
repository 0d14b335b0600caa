/** One row of the settings table: the variable, its default, its parser, its meaning. */
export interface Setting<T> {
  readonly env: string;
  readonly default: T;
  readonly parse: (text: string) => T | undefined;
  /** Form of a value, for the message about one that has it not. */
  readonly expects: string;
  readonly describe: string;
  /** Secrets are never printed. */
  readonly secret?: boolean;
}

export const text = (env: string, fallback: string, describe: string, secret = false): Setting<string> => ({
  env,
  default: fallback,
  parse: (value) => value,
  expects: 'text',
  describe,
  secret,
});

export const optionalText = (env: string, describe: string, secret = false): Setting<string | undefined> => ({
  env,
  default: undefined,
  parse: (value) => value,
  expects: 'text',
  describe,
  secret,
});

export const integer = (
  env: string,
  fallback: number,
  min: number,
  max: number,
  describe: string,
): Setting<number> => ({
  env,
  default: fallback,
  parse: (value) => {
    const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
    return number >= min && number <= max ? number : undefined;
  },
  expects: `a whole number from ${min} to ${max}`,
  describe,
});

export const flag = (env: string, fallback: boolean, describe: string): Setting<boolean> => ({
  env,
  default: fallback,
  parse: (value) =>
    ({ 1: true, true: true, yes: true, on: true, 0: false, false: false, no: false, off: false })[value.toLowerCase()],
  expects: 'true or false',
  describe,
});

export const oneOf = <T extends string>(
  env: string,
  fallback: NoInfer<T>,
  choices: readonly T[],
  describe: string,
): Setting<T> => ({
  env,
  default: fallback,
  parse: (value) => choices.find((choice) => choice === value),
  expects: `one of ${choices.join(', ')}`,
  describe,
});

export const pattern = (
  env: string,
  fallback: string,
  regex: RegExp,
  expects: string,
  describe: string,
): Setting<string> => ({
  env,
  default: fallback,
  parse: (value) => (regex.test(value) ? value : undefined),
  expects,
  describe,
});

export const timeZone = (env: string, fallback: string, describe: string): Setting<string> => ({
  env,
  default: fallback,
  parse: (value) => {
    try {
      return new Intl.DateTimeFormat('en', { timeZone: value }).resolvedOptions().timeZone === '' ? undefined : value;
    } catch {
      return undefined;
    }
  },
  expects: 'an IANA time zone such as Africa/Cairo',
  describe,
});
