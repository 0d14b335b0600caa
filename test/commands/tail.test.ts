import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { WebSocketServer } from 'ws';
import { registerTail } from '../../src/commands/tail.ts';
import { suite } from '../support/suite.ts';
import { runCommand } from './run-command.ts';

const test = suite('tickgate tail', { timeoutMs: 10_000 });

/** CSI of eight bits with a colour, NEL, right-to-left override. */
const HOSTILE = 'CO\u009B31m\u0085\u202EIM';
const UNSAFE = /[\u007F-\u009F\u202A-\u202E]/;

/** Output of a tail at a gateway that names a symbol so, and ends the connection with a reason like that. */
async function tailOf(...args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  server.on('connection', (socket) => {
    socket.send(JSON.stringify([{ T: 'success', msg: 'connected', v: 1, id: 'a' }]));
    socket.on('message', () => {
      const tick = { T: 't', S: HOSTILE, p: 80.5, s: 10, t: '2025-12-01T08:00:00.000001Z' };
      socket.send(JSON.stringify([{ T: 'subscription', trades: ['*'] }, tick]));
      socket.close(4500, HOSTILE);
    });
  });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a TCP server's address is one
  const { port } = server.address() as AddressInfo;
  try {
    return await runCommand(registerTail, [...args, 'tail', '--url', `http://127.0.0.1:${port}`]);
  } finally {
    server.close();
  }
}

test('what a terminal would obey is escaped, in symbols and in the reason of the end', async () => {
  const { stdout, stderr } = await tailOf();
  assert.match(stdout, 'CO\\u009b31m\\u0085\\u202eIM');
  assert.not(UNSAFE.test(stdout));
  assert.match(stderr, 'the gateway ended the connection');
  assert.not(UNSAFE.test(stderr));
});

test('with --json it is the same JSON, without the bytes', async () => {
  const { stdout } = await tailOf('--json');
  assert.not(UNSAFE.test(stdout));
  const line: unknown = JSON.parse(stdout);
  assert.ok(typeof line === 'object' && line !== null && 'symbol' in line && line.symbol === HOSTILE);
});
