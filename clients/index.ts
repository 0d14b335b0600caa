export { shouldReconnect } from '../src/protocol/close-codes.ts';
export type { Tick } from '../src/protocol/tick.ts';
export { FeedClient, type FeedClientOptions, type FeedPosition, type PublishedFrame } from './feed/feed-client.ts';
export { FeedClosedError, FeedError, FeedRefusedError } from './feed/feed-errors.ts';
export { FileJournal, type FileJournalOptions, type FsyncPolicy, JournalFullError } from './feed/feed-journal.ts';
export type { FeedJournal } from './feed/feed-journal-port.ts';
export type { FeedState } from './feed/feed-link.ts';
