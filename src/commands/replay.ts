import type { Command } from 'commander';
import { CsvError } from '../../clients/csv/csv-error.ts';
import { type CsvInspection, inspectCsv, readTicks } from '../../clients/csv/tick-csv.ts';
import type { CsvTick } from '../../clients/csv/tick-row.ts';
import { FeedClient } from '../../clients/feed/feed-client.ts';
import { fitsSpan } from '../../clients/feed/feed-frame.ts';
import { pace, wallMicros } from '../../clients/simulator/pace-ticks.ts';
import { loadConfig } from '../config.ts';
import { StoreUnavailableError, UsageError } from '../errors.ts';
import { gatewayUrl } from './gateway-url.ts';
import { checkFeedOption, parseSpeed } from './options.ts';
import { ProgressBar } from './progress-bar.ts';
import { print } from './terminal.ts';

interface ReplayOptions {
  readonly speed: number | 'max';
  readonly feed?: string;
  readonly url?: string;
  readonly wait: boolean;
  readonly live?: true;
  readonly json?: boolean;
}

const FRAME_ROWS = 500;
const PROGRESS_MS = 200;

export function registerReplay(program: Command): void {
  program
    .command('replay')
    .description('publishes a CSV file (time,symbol,price,volume; gzip or not) and resumes where it stopped')
    .argument('<file>', 'such as ticks.csv.gz')
    .option('--speed <factor>', '1x is the pace of the recording; max is as fast as it goes', parseSpeed, 'max')
    .option('--feed <name>', 'name of the feed; default: made from the content')
    .option('--url <url>', 'the gateway; default: GATEWAY_HOST and GATEWAY_PORT')
    .option('--no-wait', 'until acknowledged, not until committed')
    .option('--live', 'deliver the ticks live even at --speed max')
    .action(async (file: string, options: ReplayOptions, command: Command) => {
      if (options.feed !== undefined) checkFeedOption(options.feed);
      const summary = await inspect(file);
      const result = await replay(file, summary, options);
      const rejected = result.rejected === 0 ? '' : `, ${result.rejected} rejected (tickgate rejected lists them)`;
      const done = options.wait ? 'committed' : 'acknowledged';
      print(
        command,
        `${summary.rows} rows ${done} as feed ${result.feed}: ${result.sent} sent now, ${result.skipped} before${rejected}`,
        {
          ...result,
          rows: summary.rows,
        },
      );
    });
}

async function inspect(file: string): Promise<CsvInspection> {
  try {
    return await inspectCsv(file);
  } catch (error) {
    if (error instanceof CsvError) throw new UsageError(error.message, { remedy: error.remedy, cause: error });
    throw error;
  }
}

interface ReplayResult {
  readonly feed: string;
  readonly sent: number;
  readonly skipped: number;
  readonly rejected: number;
}

async function replay(file: string, summary: CsvInspection, options: ReplayOptions): Promise<ReplayResult> {
  const config = loadConfig(process.env);
  const feed = options.feed ?? `replay-${summary.sha256.slice(0, 16)}`;
  const progress = new ReplayProgress(summary.rows);
  let rejected = 0;
  // The content is the instance: other content under a name already used is refused by the gateway, and the clock
  // makes the attempts of one content rise from process to process.
  const client = new FeedClient({
    url: options.url ?? gatewayUrl(config),
    feed,
    token: config.tickgateToken,
    instance: `csv-${summary.sha256.slice(0, 32)}`,
    attempt: Date.now(),
    live: options.live ?? options.speed !== 'max',
    onRejected: (_seq, list) => (rejected += list.length),
    onAck: (seq) => progress.acked(seq),
    onCommitted: (seq) => progress.committed(seq),
  });
  try {
    const { accepted } = await client.opened();
    if (accepted > summary.rows) {
      throw new UsageError(`feed ${feed} has ${accepted} rows already, the file ${summary.rows}`, {
        remedy: 'choose another --feed',
      });
    }
    await publishRows(client, file, accepted, options);
    if (options.wait) await client.drained();
    else await client.whenAcked(client.lastSeq);
    await client.close({ wait: options.wait });
    return { feed, sent: summary.rows - accepted, skipped: accepted, rejected };
  } catch (error) {
    throw explain(error, feed);
  } finally {
    progress.stop();
    await client.close({ wait: false });
  }
}

function explain(error: unknown, feed: string): unknown {
  if (!(error instanceof Error) || error.name !== 'FeedRefusedError') return error;
  return new StoreUnavailableError(`the gateway refused feed ${feed}: ${error.message}`, {
    remedy:
      'other content was published under this name before: choose another --feed; or set TICKGATE_TOKEN to a token for this feed',
    cause: error,
  });
}

async function publishRows(client: FeedClient, file: string, accepted: number, options: ReplayOptions): Promise<void> {
  const batches = readTicks(file, { afterRow: accepted, batchRows: FRAME_ROWS });
  const source = options.speed === 'max' ? batches : paced(batches, options.speed);
  for await (const batch of source) {
    for (const frame of cutBySpan(batch)) await client.publishFrame(frame, frame.at(-1)?.rowNumber);
  }
}

async function* paced(batches: AsyncIterable<CsvTick[]>, speed: number): AsyncGenerator<CsvTick[]> {
  const rows = async function* (): AsyncGenerator<CsvTick> {
    for await (const batch of batches) yield* batch;
  };
  const clock = {
    nowMicros: wallMicros,
    sleep: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)),
  };
  yield* pace(rows(), { timeMicros: (tick) => tick.timeMicros }, { speed, batchTicks: FRAME_ROWS, ...clock });
}

/** A frame spans at most a year. */
function* cutBySpan(batch: readonly CsvTick[]): Generator<CsvTick[]> {
  let frame: CsvTick[] = [];
  for (const tick of batch) {
    const first = frame[0];
    if (first !== undefined && !fitsSpan(first.timeMicros, tick.timeMicros)) {
      yield frame;
      frame = [];
    }
    frame.push(tick);
  }
  if (frame.length > 0) yield frame;
}

/** Progress in rows, drawn a few times a second however many frames are answered. */
class ReplayProgress {
  readonly #bar: ProgressBar;
  #acked = 0;
  #committed = 0;
  #drawnMs = 0;

  constructor(rows: number) {
    const format = '{bar} {percentage}% | {value}/{total} rows committed, {acked} acknowledged | {duration_formatted}';
    this.#bar = new ProgressBar(format, rows, { acked: 0 });
  }

  acked(seq: number): void {
    this.#acked = Math.max(this.#acked, seq);
    this.#draw(false);
  }

  committed(seq: number): void {
    this.#committed = Math.max(this.#committed, seq);
    this.#draw(false);
  }

  stop(): void {
    this.#draw(true);
    this.#bar.stop();
  }

  #draw(isLast: boolean): void {
    const nowMs = Date.now();
    if (!isLast && nowMs - this.#drawnMs < PROGRESS_MS) return;
    this.#drawnMs = nowMs;
    this.#bar.update(this.#committed, { acked: this.#acked });
  }
}
