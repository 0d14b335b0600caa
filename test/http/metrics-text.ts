/** One metric of a scrape: its samples by name and labels, as `name{a="b"}`. */
export interface MetricFamily {
  readonly type: string;
  readonly help: string;
  readonly samples: ReadonlyMap<string, number>;
}

interface OpenFamily {
  readonly type: string;
  readonly help: string;
  readonly samples: Map<string, number>;
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const SAMPLE = new RegExp(`^(${NAME})(\\{(.*)\\})? (\\S+)$`);
const LABELS = /^(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\n"])*"(?:,(?!$)|$))*$/;
const VALUE = /^(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?|[+-]?Inf|NaN)$/i;
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: [''],
  gauge: [''],
  untyped: [''],
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['', '_sum', '_count'],
};

/**
 * Parses Prometheus's text format 0.0.4 as strictly as its documentation and `promtool check metrics` are.
 * @throws {Error} with the line that is wrong
 */
export function parseMetricsText(text: string): ReadonlyMap<string, MetricFamily> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, OpenFamily>();
  let name = '';
  let help: string | undefined;
  for (const line of text.split('\n')) {
    const wrong = (why: string): Error => new Error(`${why}: ${line}`);
    const comment = new RegExp(`^# (HELP|TYPE) (${NAME}) (.+)$`).exec(line);
    if (comment?.[1] === 'HELP') {
      name = comment[2] ?? '';
      help = comment[3];
      if (families.has(name)) throw wrong('described twice');
      if (!/^[A-Z].*\.$/.test(help ?? '') && name.startsWith('tickgate_')) throw wrong('the help is not a sentence');
    } else if (comment?.[1] === 'TYPE') {
      const type = comment[3] ?? '';
      if (comment[2] !== name || help === undefined) throw wrong('a type without its help before it');
      if (!(type in SUFFIXES)) throw wrong('no such type');
      if (type === 'counter' && !name.endsWith('_total') && name.startsWith('tickgate_')) throw wrong('no _total');
      families.set(name, { type, help, samples: new Map() });
      help = undefined;
    } else if (line !== '') {
      addSample(families.get(name), name, line, wrong);
    }
  }
  for (const [familyName, family] of families) if (family.type === 'histogram') checkHistogram(familyName, family);
  return families;
}

function addSample(family: OpenFamily | undefined, name: string, line: string, wrong: (why: string) => Error): void {
  const [, sample, braces = '', labels = '', value = ''] = SAMPLE.exec(line) ?? [];
  if (sample === undefined || family === undefined) throw wrong('not a sample');
  if (!SUFFIXES[family.type]?.some((suffix) => sample === name + suffix)) throw wrong(`not a sample of ${name}`);
  if (braces !== '' && !LABELS.test(labels)) throw wrong('wrong labels');
  if (!VALUE.test(value)) throw wrong('not a number');
  if (family.samples.has(sample + braces)) throw wrong('twice');
  family.samples.set(sample + braces, Number(value.replace('Inf', 'Infinity')));
}

function checkHistogram(name: string, { samples }: OpenFamily): void {
  const bySeries = new Map<string, Array<readonly [le: number, count: number]>>();
  for (const [key, count] of samples) {
    const le = /[{,]le="([^"]*)"/.exec(key)?.[1];
    if (le === undefined) continue;
    const series = key
      .replace(/le="[^"]*",?/, '')
      .replace(`${name}_bucket`, '')
      .replace(/,\}$|^\{\}$/, (end) => (end === '{}' ? '' : '}'));
    bySeries.set(series, [...(bySeries.get(series) ?? []), [Number(le.replace('+Inf', 'Infinity')), count]]);
  }
  for (const [series, buckets] of bySeries) {
    const isAscending = buckets.every(([le, count], at) => {
      const [leBefore, countBefore] = buckets[at - 1] ?? [-1, 0];
      return le > leBefore && count >= countBefore;
    });
    const [lastLe, lastCount] = buckets.at(-1) ?? [0, 0];
    const isWhole = lastLe === Infinity && samples.get(`${name}_count${series}`) === lastCount;
    if (!isAscending || !isWhole || !samples.has(`${name}_sum${series}`))
      throw new Error(`not a histogram: ${name}${series}`);
  }
}
