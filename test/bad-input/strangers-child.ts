import { connect, type Socket } from 'node:net';
import { frameBytes } from './frame-bytes.ts';
import { upgradeRequest } from './stranger-socket.ts';

/**
 * Usage: strangers-child.ts PORT SILENT SLOW CLAIMING
 * Keeps so many sockets open on a gateway: SILENT ones upgrade and never authenticate nor answer, SLOW ones send a byte
 * of their headers a second, CLAIMING ones send a frame that claims 2^63 bytes. Each that is ended begins again, from
 * addresses 127.x.y.z. Prints a line of JSON a second: how many of each are up, how many have been ended.
 */
const PER_ADDRESS = 40;
const MAX_CONNECTING = 300;
const RETRY_MS = 200;

const [port = 0, silent = 0, slow = 0, claiming = 0] = process.argv.slice(2).map(Number);
const up = { silent: 0, slow: 0, claiming: 0 };
const counts = { peak: 0, claims: 0, ended: 0, refused: 0 };
let connecting = 0;
const waiting: Array<() => void> = [];
const claim = Buffer.concat([frameBytes({ claims: 1n << 63n }), Buffer.alloc(1_000)]);

type Kind = keyof typeof up;

function addressOf(stranger: number): string {
  const network = Math.floor(stranger / PER_ADDRESS) + 1;
  return `127.${1 + Math.floor(network / 65_536)}.${Math.floor(network / 256) % 256}.${network % 256}`;
}

function begin(kind: Kind, stranger: number): void {
  if (connecting >= MAX_CONNECTING) {
    waiting.push(() => begin(kind, stranger));
    return;
  }
  connecting += 1;
  const socket = connect({ port, host: '127.0.0.1', localAddress: addressOf(stranger) });
  let isConnecting = true;
  let isUp = false;
  const connected = (): void => {
    if (!isConnecting) return;
    isConnecting = false;
    connecting -= 1;
    waiting.shift()?.();
  };
  socket.on('error', () => undefined);
  socket.once('connect', () => {
    speak(kind, socket);
    if (kind !== 'slow') return;
    isUp = true;
    up.slow += 1;
    connected();
  });
  socket.on('data', (bytes: Buffer) => {
    connected();
    if (isUp) return;
    if (!bytes.subarray(0, 12).toString('latin1').endsWith('101')) {
      counts.refused += 1;
      return;
    }
    isUp = true;
    up[kind] += 1;
    counts.peak = Math.max(counts.peak, up.silent);
    if (kind !== 'claiming') return;
    socket.write(claim);
    counts.claims += 1;
  });
  socket.once('close', () => {
    connected();
    if (isUp) up[kind] -= 1;
    counts.ended += 1;
    setTimeout(() => begin(kind, stranger), RETRY_MS);
  });
}

function speak(kind: Kind, socket: Socket): void {
  const request = upgradeRequest();
  if (kind !== 'slow') {
    socket.write(request);
    return;
  }
  let sent = 0;
  const timer = setInterval(() => socket.write(request[sent++] ?? '\r'), 1_000);
  socket.once('close', () => clearInterval(timer));
}

for (let stranger = 0; stranger < silent; stranger++) begin('silent', stranger);
for (let stranger = 0; stranger < slow; stranger++) begin('slow', silent + stranger);
for (let stranger = 0; stranger < claiming; stranger++) begin('claiming', silent + slow + stranger);
setInterval(() => process.stdout.write(`${JSON.stringify({ ...up, ...counts })}\n`), 1_000);
