import * as assert from 'uvu/assert';
import { CloseCode, shouldReconnect } from '../../src/protocol/close-codes.ts';
import { ERROR_MESSAGES, ErrorCode } from '../../src/protocol/error-codes.ts';
import { parseFeedRequest } from '../../src/protocol/feed-request.ts';
import { EMPTY_CHANNELS, parseLiveRequest } from '../../src/protocol/live-request.ts';
import { TickChecker } from '../../src/market/tick-check.ts';
import { REJECT_REASONS } from '../../src/market/tick.ts';
import { PROTOCOL_VERSION, SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK } from '../../src/protocol/version.ts';
import { suite } from '../support/suite.ts';
import { codeBlocks, section, tableRows } from './markdown.ts';
import { projectFile } from './project-files.ts';

const test = suite('PROTOCOL.md');
const text = projectFile('src/protocol/PROTOCOL.md');

/** WebSocket codes that the library sends, or that mean that none came. */
const FOREIGN_CODES = [1002, 1005, 1006, 1008];

function sorted(numbers: Iterable<number>): number[] {
  return [...new Set(numbers)].sort((a, b) => a - b);
}

function firstColumn(heading: string): number[] {
  return tableRows(section(text, heading)).map(([code]) => Number(code));
}

test('names exactly the error codes, each with its meaning', () => {
  assert.equal(firstColumn('Error codes'), sorted(Object.values(ErrorCode)));
  for (const [code, meaning] of tableRows(section(text, 'Error codes'))) {
    const message = Object.entries(ERROR_MESSAGES).find(([known]) => known === code)?.[1] ?? '';
    assert.ok(
      meaning?.startsWith(message.split(',')[0] ?? '?'),
      `${code}: "${meaning}" does not begin with "${message}"`,
    );
  }
});

test('names exactly the close codes, and which of them are final', () => {
  assert.equal(firstColumn('Close codes'), sorted(Object.values(CloseCode)));
  for (const [code, , again] of tableRows(section(text, 'Close codes'))) {
    if (code === '1000') continue;
    assert.is(again?.startsWith('yes'), shouldReconnect(Number(code)), `close code ${code}: "${again}"`);
  }
});

test('mentions no close code that there is not', () => {
  const mentioned = [...text.matchAll(/(?<![\d,.^:"])(?:1\d{3}|4\d{3})(?![\d,-])/g)].map(([code]) => Number(code));
  const known = new Set<number>([...Object.values(CloseCode), ...FOREIGN_CODES, 4000, 4499, 4999]);
  assert.equal(sorted(mentioned.filter((code) => !known.has(code))), []);
  assert.ok(mentioned.length > 30);
});

test('names every reason of a rejected tick, and no other', () => {
  const named = [...section(text, 'Ticks').matchAll(/`([a-z]+_[a-z_]+)`/g)].map(([, name = '']) => name);
  assert.equal(new Set(named), new Set<string>(REJECT_REASONS));
});

/** Messages to the gateway as the dialogues of a section show them, whole: JSON, with "…" for what is left out. */
function shownRequests(heading: string): string[] {
  const lines = codeBlocks(section(text, heading)).flatMap((block) => block.text.split('\n'));
  return lines.flatMap((line) => {
    const json = /→ (\{.*?\})(?: {2,}.*)?$/.exec(line)?.[1]?.replaceAll('[…]', '[]');
    return json === undefined || json.includes('…":') || json.includes('…}') ? [] : [json];
  });
}

test('the gateway understands every message that the dialogues show', () => {
  const checker = new TickChecker();
  const options = { nowMicros: Date.now() * 1_000, maxTicks: 10, maxDays: 1 };
  const toFeed = shownRequests('5. Dialogues');
  for (const json of toFeed) {
    const { action } = parseFeedRequest(Buffer.from(json), 'json', checker, options);
    assert.ok(json.includes(`"action":"${action}"`), json);
  }
  const toLive = shownRequests('6. `/v1/live`');
  for (const json of toLive) assert.is(parseLiveRequest(Buffer.from(json), 'json').action, 'subscribe', json);
  assert.ok(toFeed.length > 12 && toLive.length > 1, `${toFeed.length} and ${toLive.length} messages`);
});

test('names version, subprotocols and the channels that stay empty', () => {
  assert.ok(text.startsWith(`# Tickgate wire protocol, version ${PROTOCOL_VERSION}\n`));
  for (const name of [SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK, ...EMPTY_CHANNELS])
    assert.ok(text.includes(`\`${name}\``), name);
});
