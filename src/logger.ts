import { destination, pino, type Logger as PinoLogger } from 'pino';
import { LogSpacing } from './base/log-spacing.ts';
import { safeLines } from './base/safe-text.ts';
import { LOG_LEVELS, type LogLevel } from './config.ts';

export type Logger = PinoLogger;

/** Levels of pino: debug and less are asked for, fatal is the last line. */
const INFO = 30;
const FATAL = 60;
const spacing = new LogSpacing();

/**
 * The root logger: JSON lines on standard error, so that a command's own line on standard output stays clean.
 * Written synchronously: a worker transport would lose the last lines at exit. A LOG_LEVEL that is none counts as `info`
 * here: the settings refuse it, with a message.
 */
export const rootLogger: Logger = pino(
  {
    base: { pid: process.pid },
    level: LOG_LEVELS.find((level) => level === process.env['LOG_LEVEL']) ?? 'info',
    timestamp: pino.stdTimeFunctions.isoTime,
    hooks: {
      logMethod(args, method, level) {
        const [facts, text]: readonly unknown[] = args;
        const message = typeof facts === 'string' ? facts : text;
        const isSpaced = typeof message === 'string' && level >= INFO && level < FATAL;
        const suppressed = isSpaced ? spacing.pass(message, performance.now()) : 0;
        if (suppressed === undefined) return;
        if (suppressed === 0) method.apply(this, args);
        else method.apply(this, [{ ...factsOf(facts), suppressed }, String(message)]);
      },
      // Names from outside may hold what a terminal obeys.
      streamWrite: safeLines,
    },
  },
  destination({ dest: 2, sync: true }),
);

/** Level of commands that end by themselves: their result is one line. */
export const QUIET_LOG_LEVEL: LogLevel = 'fatal';

/** One child per stage of the flow. */
export const gatewayLogger: Logger = rootLogger.child({ stage: 'gateway' });
export const ingestLogger: Logger = rootLogger.child({ stage: 'ingest' });
export const bufferLogger: Logger = rootLogger.child({ stage: 'buffer' });
export const fanoutLogger: Logger = rootLogger.child({ stage: 'fanout' });
export const flushLogger: Logger = rootLogger.child({ stage: 'flush' });
export const storeLogger: Logger = rootLogger.child({ stage: 'store' });
export const httpLogger: Logger = rootLogger.child({ stage: 'http' });
export const stackLogger: Logger = rootLogger.child({ stage: 'stack' });

/** Sets the level of all loggers of the process; a child does not follow its parent by itself. */
export function setLogLevel(level: LogLevel): void {
  const stages = [
    gatewayLogger,
    ingestLogger,
    bufferLogger,
    fanoutLogger,
    flushLogger,
    storeLogger,
    httpLogger,
    stackLogger,
  ];
  for (const logger of [rootLogger, ...stages]) logger.level = level;
}

function factsOf(facts: unknown): object {
  if (facts instanceof Error) return { err: facts };
  return typeof facts === 'object' && facts !== null ? facts : {};
}
