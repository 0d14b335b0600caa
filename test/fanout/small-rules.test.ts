import * as assert from 'uvu/assert';
import { FeedAges } from '../../src/fanout/feed-ages.ts';
import { AdaptiveDelay } from '../../src/base/adaptive-delay.ts';
import { TailPageSize } from '../../src/stream/tail-page-size.ts';
import { formatResumeToken, idMillis, parseResumeToken } from '../../src/stream/stream-cursor.ts';
import { suite } from '../support/suite.ts';

const delay = suite('adaptive delay');

delay('at once when idle, and while delivery takes little of the time', () => {
  const own = new AdaptiveDelay(10);
  assert.is(own.gapMs(0), 0);
  for (let at = 0; at < 1_000; at += 10) own.spent(at, at + 1);
  assert.is(own.gapMs(1_000), 0);
});

delay('the more of the time it takes the longer ticks stay pending, up to the bound; and it is forgotten', () => {
  const gapAt = (share: number): number => {
    const own = new AdaptiveDelay(10);
    for (let at = 0; at < 1_000; at += 1) own.spent(at, at + share);
    return own.gapMs(1_000);
  };
  assert.ok(gapAt(0.4) > 0.5 && gapAt(0.4) < gapAt(0.5) && gapAt(0.5) < gapAt(0.7), `${gapAt(0.4)} ${gapAt(0.7)}`);
  assert.is(gapAt(0.95), 10);
  const own = new AdaptiveDelay(10);
  for (let at = 0; at < 1_000; at += 1) own.spent(at, at + 0.95);
  assert.is(own.gapMs(1_200), 0);
});

const ages = suite('ages of feeds');

ages('youngest first; one-off feeds and those of yesterday are left out; fifty at the most', () => {
  const own = new FeedAges();
  own.heard('old', 0);
  own.heard('~gw-x', 5);
  own.heard('young', 100_000);
  own.heard('middle', 50_000);
  own.heard('ahead', 100_500);
  assert.equal(own.list(100_400), [
    { feed: 'ahead', ageMs: 0 },
    { feed: 'young', ageMs: 400 },
    { feed: 'middle', ageMs: 50_400 },
    { feed: 'old', ageMs: 100_400 },
  ]);
  assert.equal(own.list(24 * 3_600_000 + 60_000).length, 2);
  for (let at = 0; at < 60; at++) own.heard(`f${at}`, 200_000);
  assert.is(own.list(200_000).length, 50);
});

const pages = suite('pages of the stream');

pages('large entries make small pages, small ones large', () => {
  const own = new TailPageSize();
  own.learn([{ data: Buffer.alloc(1_000_000) }]);
  assert.is(own.entries, 16);
  own.learn([{ data: Buffer.alloc(100) }]);
  assert.is(own.entries, 4_096);
  own.learn([]);
  assert.is(own.entries, 4_096);
});

const positions = suite('positions');

positions('there and back', () => {
  const cursor = { run: '0123456789ab', streamId: 'Ab-_9', id: '1764583200000-12', liveSeq: 2 ** 53 - 1 };
  assert.equal(parseResumeToken(formatResumeToken(cursor)), cursor);
  assert.is(idMillis(cursor.id), 1_764_583_200_000);
});

for (const text of ['', 'x', 'a.b.c.d', '0.x.1-1.1.1', '0.x.1.1', `0.x.1-1.${'9'.repeat(40)}`, '0.x.-1-1.1']) {
  positions(`nobody gave "${text}"`, () => assert.is(parseResumeToken(text), undefined));
}
