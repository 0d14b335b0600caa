import { FeedClient } from '../../clients/feed/feed-client.ts';
import { FileJournal } from '../../clients/feed/feed-journal.ts';
import { testFrame } from '../support/test-ticks.ts';
import { toTicks } from '../support/to-ticks.ts';

/** A feed with a journal, as a process to be killed. Prints each seq it has taken responsibility for. */
const [url = '', path = ''] = process.argv.slice(2);
const client = new FeedClient({ url, feed: 'journaled', journal: new FileJournal({ path }) });
await client.opened();
for (;;) {
  const seq = client.lastSeq + 1;
  await client.publishFrame(toTicks(testFrame({ feed: 'journaled', seq, count: 20 })));
  process.stdout.write(`${seq}\n`);
  if (seq % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
}
