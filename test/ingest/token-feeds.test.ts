import * as assert from 'uvu/assert';
import { TokenFeeds } from '../../src/ingest/token-feeds.ts';
import { suite } from '../support/suite.ts';

const test = suite('feeds of one token');

test('so many different feeds and no more; each token by itself', () => {
  const feeds = new TokenFeeds(2);
  assert.ok(feeds.take('a', '1') && feeds.take('a', '2'));
  assert.not(feeds.take('a', '3'));
  assert.ok(feeds.take('b', '3'));
});

test('a feed that reconnects counts once, and is free when both connections are gone', () => {
  const feeds = new TokenFeeds(1);
  assert.ok(feeds.take('a', '1') && feeds.take('a', '1'));
  feeds.leave('a', '1');
  assert.not(feeds.take('a', '2'));
  feeds.leave('a', '1');
  assert.ok(feeds.take('a', '2'));
});

test('a leave too many changes nothing', () => {
  const feeds = new TokenFeeds(1);
  feeds.leave('a', '1');
  assert.ok(feeds.take('a', '1'));
  feeds.leave('a', 'other');
  assert.not(feeds.take('a', '2'));
});
