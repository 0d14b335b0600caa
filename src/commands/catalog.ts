import type { Command } from 'commander';

type Register = (program: Command) => void;

/** In the order of the help. */
const COMMANDS: Readonly<Record<string, () => Promise<Register>>> = {
  serve: async () => (await import('./serve.ts')).registerServe,
  daemon: async () => (await import('./daemon.ts')).registerDaemon,
  'buffer-tick': async () => (await import('./buffer-tick.ts')).registerBufferTick,
  flush: async () => (await import('./flush.ts')).registerFlush,
  'buffer-size': async () => (await import('./buffer-size.ts')).registerBufferSize,
  replay: async () => (await import('./replay.ts')).registerReplay,
  simulate: async () => (await import('./simulate.ts')).registerSimulate,
  tail: async () => (await import('./tail.ts')).registerTail,
  load: async () => (await import('./load.ts')).registerLoad,
  token: async () => (await import('./token.ts')).registerToken,
  'setup-db': async () => (await import('./setup-db.ts')).registerSetupDb,
  doctor: async () => (await import('./doctor.ts')).registerDoctor,
  feeds: async () => (await import('./feeds.ts')).registerFeeds,
  rejected: async () => (await import('./rejected.ts')).registerRejected,
  gaps: async () => (await import('./gaps.ts')).registerGaps,
  'rebuild-bars': async () => (await import('./rebuild-bars.ts')).registerRebuildBars,
  demo: async () => (await import('./demo.ts')).registerDemo,
  stack: async () => (await import('./stack.ts')).registerStack,
};

/**
 * Adds the command that `argv` names, or all of them where it names none, as for help. Lazy
 * imports: a command is loaded with its own parts alone, all of them together take three times as long.
 */
export async function registerCommands(program: Command, argv: readonly string[]): Promise<void> {
  const named = argv.find((argument) => !argument.startsWith('-')) ?? '';
  const load = Object.hasOwn(COMMANDS, named) ? COMMANDS[named] : undefined;
  for (const register of load === undefined ? Object.values(COMMANDS) : [load]) (await register())(program);
}
