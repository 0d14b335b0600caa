import { connect } from 'node:net';

/** The user of the Debian package. */
export const REDIS_USER = 'redis';
export const REDIS_STOP_SIGNAL = 'SIGTERM';

/** Settings under which nothing that was acknowledged is evicted, and at most a second is lost in a power cut. */
const SAFE_CONFIG: Readonly<Record<string, string>> = {
  bind: '127.0.0.1',
  dir: '/srv',
  daemonize: 'no',
  appendonly: 'yes',
  appendfsync: 'everysec',
  save: '',
  'maxmemory-policy': 'noeviction',
};

/** The command line inside the root; `config` wins over the safe settings. */
export function redisCommand(port: number, config: Readonly<Record<string, string>> = {}): string[] {
  const settings = { ...SAFE_CONFIG, ...config, port: String(port) };
  return ['/usr/bin/redis-server', ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])];
}

/** Whether a Redis answers at this address and has loaded its data. One that wants a password or TLS answers too. */
export function redisAnswers(host: string, port: number, limitMs = 1_000): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const done = (answers: boolean): void => {
      socket.destroy();
      resolve(answers);
    };
    socket.setTimeout(limitMs, () => done(false));
    socket.once('error', () => done(false));
    socket.once('close', () => done(false));
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (data) => done(/^(?:\+PONG|-NOAUTH|-NOPERM)/.test(data.toString('latin1'))));
  });
}
