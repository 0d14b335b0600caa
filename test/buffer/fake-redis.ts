import { Redis } from 'ioredis';
import { RedisUnavailableError } from '../../src/errors.ts';
import type { RedisServerFacts } from '../../src/buffer/redis-link.ts';

/** A script that was called: by which name, with which keys and arguments. */
export interface ScriptCall {
  readonly command: 'EVALSHA' | 'EVAL';
  readonly script: string;
  readonly keys: readonly unknown[];
  readonly args: readonly unknown[];
}

/** A link whose client is never connected: it records commands and answers them as a test says. */
export class FakeLink {
  readonly calls: ScriptCall[] = [];
  /** Other commands, with their arguments. */
  readonly commands: unknown[][] = [];
  isUp = true;
  drops = 0;
  /** Answers a script; what it throws is Redis's error. */
  onScript: (call: ScriptCall) => unknown = () => ['appended'];
  /** Answers another command. */
  onCommand: (name: string, args: readonly unknown[]) => unknown = () => null;
  readonly #client: Redis;

  constructor() {
    const command =
      (name: string) =>
      async (...args: unknown[]): Promise<unknown> => {
        this.commands.push([name, ...args]);
        return this.onCommand(name, args);
      };
    this.#client = Object.assign(new Redis({ lazyConnect: true, enableOfflineQueue: false }), {
      call: async (name: 'EVALSHA' | 'EVAL', script: string, keyCount: number, ...rest: unknown[]) => {
        const call = { command: name, script, keys: rest.slice(0, keyCount), args: rest.slice(keyCount) };
        this.calls.push(call);
        return this.onScript(call);
      },
      hmget: command('hmget'),
      exists: command('exists'),
      smembers: command('smembers'),
      publish: command('publish'),
      del: command('del'),
      srem: command('srem'),
      multi: () => this.#transaction(),
    });
  }

  get client(): Redis {
    if (!this.isUp) throw this.#down();
    return this.#client;
  }

  get facts(): RedisServerFacts {
    if (!this.isUp) throw this.#down();
    return { run: 'run-1', version: '7.4.0', maxmemoryPolicy: 'noeviction', appendOnly: true };
  }

  drop(): void {
    this.drops += 1;
  }

  /** A MULTI whose EXEC answers with what `onCommand` says of `exec`. */
  #transaction(): unknown {
    const queued: unknown[][] = [];
    const queue =
      (name: string) =>
      (...args: unknown[]): unknown => {
        queued.push([name, ...args]);
        return chain;
      };
    const chain = {
      hmget: queue('hmget'),
      exists: queue('exists'),
      xrangeBuffer: queue('xrangeBuffer'),
      exec: async (): Promise<unknown> => {
        this.commands.push(['exec', ...queued]);
        return this.onCommand('exec', queued);
      },
    };
    return chain;
  }

  #down(): RedisUnavailableError {
    return new RedisUnavailableError('Redis is away', { remedy: 'start it' });
  }
}
