import * as assert from 'uvu/assert';
import { z } from 'zod';
import { suite } from '../../support/suite.ts';
import { PythonProgram, requirePython } from './python-program.ts';

const test = suite('Python adapter: what it takes', { timeoutMs: 200_000 });

const CAIRO = 'ZoneInfo("Africa/Cairo")';

/** An expression of Python, and what it is or raises. */
const CASES: ReadonlyArray<readonly [expression: string, outcome: string]> = [
  // Times, exact to the microsecond
  ['to_micros(datetime(2025, 12, 1, 8, 0, 0, 1, timezone.utc))', '1764576000000001'],
  ['to_micros(datetime(2025, 12, 1, 10, 0, 0, 999999, ' + CAIRO + '))', '1764576000999999'],
  ['to_micros(datetime(2025, 7, 1, 10, 0, tzinfo=' + CAIRO + '))', '1751353200000000'],
  ['to_micros(datetime(1969, 12, 31, 23, 59, 59, 999999, timezone.utc))', '-1'],
  ['to_micros(datetime(9999, 12, 31, 23, 59, 59, 999999, timezone.utc))', '253402300799999999'],
  ['to_micros(datetime(2025, 12, 1, 8))', '1764576000000000 and UserWarning'],
  ['to_micros("2025-12-01T10:00:00.000001+02:00")', '1764576000000001'],
  ['to_micros("2025-12-01T08:00:00Z")', '1764576000000000'],
  ['to_micros("2025-12-01T08:00:00")', '1764576000000000 and UserWarning'],
  ['to_micros("yesterday")', 'ValueError'],
  ['to_micros(1764576000000001)', '1764576000000001'],
  ['to_micros(2 ** 63)', 'OverflowError'],
  ['to_micros(1764576000.5)', 'TypeError'],
  ['to_micros(True)', 'TypeError'],
  ['abs(tick_row("A", 1.0, 1)[3] - datetime.now(timezone.utc).timestamp() * 1e6) < 5e6', 'True'],
  // Times that no tick can have: the message names the unit
  [
    'refusal(1764590400)',
    'ValueError: timestamp 1764590400 looks like seconds; it must be in microseconds since 1970: multiply by 1_000_000',
  ],
  [
    'refusal(1764590400000)',
    'ValueError: timestamp 1764590400000 looks like milliseconds; it must be in microseconds since 1970: multiply by 1_000',
  ],
  [
    'refusal(1764590400000000000)',
    'ValueError: timestamp 1764590400000000000 looks like nanoseconds; it must be in microseconds since 1970: divide by 1_000',
  ],
  ['refusal(time.time())', 'TypeError: timestamp must be a datetime, or an int of microseconds since 1970, not float'],
  ['refusal(float("nan"))', 'TypeError: timestamp must be a datetime, or an int of microseconds since 1970, not float'],
  ['refusal("1764590400000000")', 'ValueError'],
  [
    'refusal(datetime(1999, 12, 31, tzinfo=timezone.utc))',
    'ValueError: timestamp 946598400000000 (microseconds since 1970) lies before 2000',
  ],
  [
    'refusal(datetime(1970, 1, 21, tzinfo=timezone.utc))',
    'ValueError: timestamp 1728000000000 (microseconds since 1970) lies before 2000',
  ],
  ['refusal(946684799999999)', 'ValueError: timestamp 946684799999999 (microseconds since 1970) lies before 2000'],
  ['refusal(946684800000000)', 'None'],
  ['refusal(datetime.now(timezone.utc) + timedelta(minutes=4, seconds=58))', 'None'],
  [
    'refusal(datetime.now(timezone.utc) + timedelta(minutes=5, seconds=2))',
    "ValueError: more than 5 minutes ahead of this machine's clock",
  ],
  ['refusal(2 ** 62)', "ValueError: more than 5 minutes ahead of this machine's clock"],
  // A frame's number is its source's, so a wrong day passes to the table of rejected ticks
  ['refusal(datetime(1970, 1, 21, tzinfo=timezone.utc), in_range=False)', 'None'],
  ['refusal(1, in_range=False)', 'None'],
  ['refusal(1764590400000, in_range=False)[:47]', "'ValueError: timestamp 1764590400000 looks like '"],
  // Prices and volumes of whatever type
  ['tick_row("COMI", 45.5, 1000, 1764590400000000)', "('COMI', 45.5, 1000, 1764590400000000)"],
  ['tick_row("COMI", 45, 1000.0, 1764590400000000)', "('COMI', 45.0, 1000, 1764590400000000)"],
  ['tick_row("COMI", Decimal("45.50"), Decimal(1000), 1764590400000000)', "('COMI', 45.5, 1000, 1764590400000000)"],
  ['tick_row("COMI", "45.50", "1000", 1764590400000000)', "('COMI', 45.5, 1000, 1764590400000000)"],
  // What the gateway rejects by name passes here, so that none is lost
  ['tick_row("CO MI", -1.0, -1, 1764590400000000)', "('CO MI', -1.0, -1, 1764590400000000)"],
  ['tick_row("", 0, 1.5, 1764590400000000)', "('', 0.0, 1.5, 1764590400000000)"],
  ['tick_row("COMI", float("nan"), float("inf"), 1764590400000000)', "('COMI', nan, inf, 1764590400000000)"],
  ['tick_row("COMI", 1.0, 2 ** 64, 1764590400000000)', "('COMI', 1.0, 1.8446744073709552e+19, 1764590400000000)"],
  ['tick_row("COMI", 1.0, 1e30, 1764590400000000)', "('COMI', 1.0, 1e+30, 1764590400000000)"],
  // What is no tick
  ['tick_row(None, 1.0, 1764590400000000)', 'TypeError'],
  ['tick_row("COMI", None, 1764590400000000)', 'TypeError'],
  ['tick_row("COMI", 1.0, None)', 'TypeError'],
  ['tick_row("COMI", "cheap", 1764590400000000)', 'ValueError'],
  ['tick_row("COMI", 1.0, 10 ** 400)', 'OverflowError'],
  ['tick_row("X" * 1025, 1.0, 1764590400000000)', 'ValueError'],
  ['tick_row("\\ud800", 1.0, 1764590400000000)', 'UnicodeEncodeError'],
  // Ticks as libraries give them
  [
    'tick_of(SimpleNamespace(symbol="COMI", close=45.5, volume=7, timestamp=1764590400000000))',
    "('COMI', 45.5, 7, 1764590400000000)",
  ],
  [
    'tick_of({"symbol": "COMI", "price": 45.5, "close": 1.0, "volume": 7, "time": 1764590400000000})',
    "('COMI', 45.5, 7, 1764590400000000)",
  ],
  ['tick_of(("COMI", 45.5, 7, 1764590400000000))', "('COMI', 45.5, 7, 1764590400000000)"],
  ['tick_of({"symbol": "COMI", "volume": 7})', 'TypeError'],
  ['tick_of(SimpleNamespace(symbol="COMI", close=None, volume=7))', 'TypeError'],
  ['tick_of(("COMI", 45.5))', 'TypeError'],
  ['tick_of(7)', 'TypeError'],
  // Frames: ticks, bytes and days
  ['[len(run) for run in cut([("A", 1.0, 1, 1)] * 11, 5, FrameLimits())]', '[5, 5, 1]'],
  ['[len(run) for run in cut([("A", 1.0, 1, 1)] * 11, 500, FrameLimits(max_ticks=4))]', '[4, 4, 3]'],
  ['[len(run) for run in cut([("A" * 67, 1.0, 1, 1)] * 5, 500, FrameLimits(max_bytes=456))]', '[2, 2, 1]'],
  [
    '[len(run) for run in cut([("A", 1.0, 1, day * 86400000000) for day in (0, 365, 366, 1)], 500, FrameLimits())]',
    '[2, 2]',
  ],
  ['list(cut([], 500, FrameLimits()))', '[]'],
  // When to connect again
  ['[code for code in (None, 1000, 1006, 1011, 1012, 4001, 4023, 4499) if not should_reconnect(code)]', '[]'],
  ['[code for code in (1002, 1003, 1007, 1009, 4500, 4503, 4521, 4999) if should_reconnect(code)]', '[]'],
  ['[reconnect_wait(n, 1.0, 0.0, ReconnectLimits()) for n in (0, 1, 2, 10, 5000)]', '[0.1, 0.2, 0.4, 5.0, 5.0]'],
  ['reconnect_wait(3, 0.0, 2.5, ReconnectLimits())', '2.5'],
  // Addresses
  ['feed_url("http://127.0.0.1:8080")', "'ws://127.0.0.1:8080/v1/feed'"],
  ['feed_url("https://[::1]:8080/")', "'wss://[::1]:8080/v1/feed'"],
  ['feed_url("wss://ticks.example/behind/v1/feed")', "'wss://ticks.example/behind/v1/feed'"],
  ['feed_url("127.0.0.1:8080")', 'ValueError'],
  ['feed_url("")', 'ValueError'],
];

test('times, numbers, frames and addresses', async (context) => {
  await using program = new PythonProgram(await requirePython(context), 'evaluate.py');
  program.tell(JSON.stringify(CASES.map(([expression]) => expression)));
  const [line] = await program.end();
  const outcomes = z.array(z.string()).parse(JSON.parse(line ?? ''));
  assert.is(outcomes.length, CASES.length);
  const others = CASES.flatMap(([expression, expected], index) =>
    outcomes[index] === expected ? [] : [{ expression, expected, is: outcomes[index] }],
  );
  assert.equal(others, []);
});
