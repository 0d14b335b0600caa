const LEGACY_COMMANDS = ['setup-db', 'buffer-tick', 'flush', 'daemon', 'buffer-size'] as const;

/**
 * The spellings of the Python script that Tickgate replaces: its commands were flags (`--daemon --flush-interval 30`).
 * Other arguments pass unchanged.
 */
export function translateLegacyFlags(argv: readonly string[]): string[] {
  const at = argv.findIndex((argument) => LEGACY_COMMANDS.some((command) => argument === `--${command}`));
  if (at < 0 || argv.slice(0, at).some((argument) => !argument.startsWith('-'))) return [...argv];
  const command = argv[at]?.slice(2) ?? '';
  return [command, ...argv.slice(0, at), ...argv.slice(at + 1)];
}
