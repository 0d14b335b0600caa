import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { getPriority, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'hdr-histogram-js';
import * as assert from 'uvu/assert';
import { FeedClient } from '../../clients/feed/feed-client.ts';
import { setupDatabase } from '../../src/store/setup-database.ts';
import { suite } from '../support/suite.ts';
import { gatewayAddress, killed, openTestMarket, type TestMarket, until } from '../support/test-market.ts';
import { tokenOf, tokenRow } from './gateway-under-test.ts';

/** `TICKGATE_STRANGERS=10000` is the whole of it; by default fewer, for a machine that does other things too. */
const SILENT = Number(process.env['TICKGATE_STRANGERS'] ?? 2_000);
const SLOW = Math.round(SILENT / 10);
const CLAIMING = Math.round(SILENT / 40);
const FRAMES_A_SECOND = 100;
const TICKS_A_FRAME = 200;
const BASELINE_SECONDS = 5;
const SIEGE_SECONDS = Math.max(10, SILENT / 500);
const MIN_RATE_SHARE = 0.8;
const MAX_ACK_P99_MS = 250;
/** On a machine that is slow without any strangers, they may not make it so much slower. */
const MAX_ACK_FACTOR = 3;
/** A machine that does other things too gets more than one try at a quiet moment. */
const TRIES = 3;
const MAX_RSS_MIB = 300 + SILENT / 20;
const STRANGERS_NICENESS = 10;
const SYMBOL = 'BESIEGED';

const test = suite('strangers in great number', { timeoutMs: 240_000 });
let market: TestMarket;
let folder = '';
let gateway: ChildProcess;
let gatewayLog = '';
let url = '';
test.before(async () => {
  market = await openTestMarket();
  await setupDatabase(market.db, market.config);
  folder = await mkdtemp(join(tmpdir(), 'tickgate-strangers-'));
  const tokensFile = join(folder, 'tokens.json');
  await writeFile(tokensFile, JSON.stringify({ tokens: [tokenRow('feed', { roles: ['feed'] })] }));
  gateway = market.spawn(['serve'], {
    GATEWAY_TOKENS_FILE: tokensFile,
    MAX_CONNECTIONS: String(Math.max(10_000, SILENT * 1.5)),
    // Longer than by default, so that all of them are there at once.
    AUTH_DEADLINE_MS: '12000',
    LOG_LEVEL: 'error',
  });
  gateway.stderr?.on('data', (chunk: Buffer) => (gatewayLog += chunk.toString()));
  url = await gatewayAddress(gateway);
});
test.after(async () => {
  await market.close();
  await rm(folder, { recursive: true });
});

interface Measured {
  /** Frames acknowledged in a second. */
  readonly rate: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Publishes at a steady pace and measures what is acknowledged, and how soon. */
async function publishFor(client: FeedClient, seconds: number): Promise<Measured> {
  const latencies = build({ highestTrackableValue: 600_000, numberOfSignificantValueDigits: 3 });
  const startMs = performance.now();
  const total = FRAMES_A_SECOND * seconds;
  const pending: Array<Promise<void>> = [];
  for (let sent = 0; sent < total;) {
    const due = Math.min(total, Math.floor(((performance.now() - startMs) * FRAMES_A_SECOND) / 1_000));
    for (; sent < due; sent++) pending.push(publishOne(client, (ms) => latencies.recordValue(Math.round(ms * 1_000))));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await Promise.all(pending);
  const rate = (total * 1_000) / (performance.now() - startMs);
  const ms = (percentile: number): number => latencies.getValueAtPercentile(percentile) / 1_000;
  return { rate, p50Ms: ms(50), p99Ms: ms(99), maxMs: latencies.maxValue / 1_000 };
}

async function publishOne(client: FeedClient, onAcked: (ms: number) => void): Promise<void> {
  const timeMicros = Date.now() * 1_000;
  const tick = { symbol: SYMBOL, price: 1, volume: 1, timeMicros };
  const sentMs = performance.now();
  const frame = await client.publishFrame(Array.from({ length: TICKS_A_FRAME }, () => tick));
  await frame.acked();
  onAcked(performance.now() - sentMs);
}

interface StrangerCounts {
  readonly silent: number;
  readonly slow: number;
  readonly claiming: number;
  /** The most there have been at once. */
  readonly peak: number;
  /** Frames sent that claim 2^63 bytes. */
  readonly claims: number;
  readonly ended: number;
  readonly refused: number;
}

/** Strangers in a process of their own; `counts` is what they said last. */
function besiege(): { readonly child: ChildProcess; readonly counts: () => StrangerCounts } {
  const script = fileURLToPath(new URL('strangers-child.ts', import.meta.url));
  const numbers = [new URL(url).port, SILENT, SLOW, CLAIMING].map(String);
  const child = spawn(process.execPath, ['--import', 'tsx', script, ...numbers], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // Strangers bring machines of their own: here they may not take the gateway's processor by weight of work.
  setPriority(child.pid ?? 0, Math.min(19, getPriority() + STRANGERS_NICENESS));
  let last: StrangerCounts = { silent: 0, slow: 0, claiming: 0, peak: 0, claims: 0, ended: 0, refused: 0 };
  createInterface({ input: child.stdout }).on('line', (line) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- both ends are of one checkout
    last = JSON.parse(line) as StrangerCounts;
  });
  return { child, counts: () => last };
}

async function rssMiB(pid: number): Promise<number> {
  const [, pages = '0'] = (await readFile(`/proc/${pid}/statm`, 'utf8')).split(' ');
  return Math.round((Number(pages) * 4_096) / 2 ** 20);
}

/** The bound for a phase: that of the promise, or by what this machine does without strangers. */
function maxAckMs(before: Measured): number {
  return Math.max(MAX_ACK_P99_MS, before.p99Ms * MAX_ACK_FACTOR);
}

test(`${SILENT} that never authenticate, ${SLOW} with a byte a second, ${CLAIMING} that claim 2^63 bytes: a feed does not notice`, async () => {
  const client = new FeedClient({ url, feed: 'besieged', token: tokenOf('feed') });
  await client.opened();
  const before = await publishFor(client, BASELINE_SECONDS);
  const strangers = besiege();
  const phases: Measured[] = [];
  let rss = 0;
  try {
    const arriving = publishFor(client, SIEGE_SECONDS);
    await until('the strangers are there', () => strangers.counts().peak >= SILENT * 0.95, 90_000);
    phases.push(await arriving);
    for (let tries = 0; tries < TRIES; tries++) {
      phases.push(await publishFor(client, SIEGE_SECONDS));
      if ((phases.at(-1)?.p99Ms ?? 0) < maxAckMs(before)) break;
    }
    rss = await rssMiB(gateway.pid ?? 0);
  } finally {
    const counts = strangers.counts();
    await killed(strangers.child);
    process.stdout.write(`${JSON.stringify({ before, phases, counts, rssMiB: rss })}\n`);
    await client.close({ wait: rss > 0 }).catch(() => undefined);
  }
  const frames = FRAMES_A_SECOND * (BASELINE_SECONDS + phases.length * SIEGE_SECONDS);
  const { prefix } = market;
  const stored = await market.count(`(SELECT count(*) FROM ${prefix}_ticks WHERE symbol = '${SYMBOL}')`);
  assert.is(stored, frames * TICKS_A_FRAME);
  for (const { rate } of phases) assert.ok(rate >= before.rate * MIN_RATE_SHARE, `rate ${rate} of ${before.rate}`);
  const p99Ms = phases.at(-1)?.p99Ms ?? 0;
  assert.ok(p99Ms < maxAckMs(before), `ack p99 ${p99Ms} ms, before ${before.p99Ms} ms`);
  assert.ok(strangers.counts().ended > 0, 'those that do not authenticate are ended');
  assert.ok(strangers.counts().claims > CLAIMING, 'frames that claim too much were sent');
  assert.ok(rss < MAX_RSS_MIB, `${rss} MiB`);
  assert.is(gateway.exitCode, null);
  assert.is(gatewayLog, '');
});
