import { scaleBand, scaleLinear, scaleLog } from 'd3-scale';

/** Plots as SVG text. Scales and their ticks are d3's; colours can be told apart by colour-blind readers (Okabe–Ito). */
const COLOURS = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00'] as const;
const WIDTH = 720;
const HEIGHT = 320;
const MARGIN = { top: 44, right: 20, bottom: 64, left: 72 } as const;
const RIGHT = WIDTH - MARGIN.right;
const BOTTOM = HEIGHT - MARGIN.bottom;
const LEGEND_STEP = 170;
const TICKS = 5;

export interface BarPlot {
  readonly title: string;
  readonly unit: string;
  readonly groups: readonly string[];
  /** One value per group; NaN leaves a gap. */
  readonly series: ReadonlyArray<{ readonly name: string; readonly values: readonly number[] }>;
}

export interface LinePlot {
  readonly title: string;
  readonly xLabel: string;
  readonly unit: string;
  readonly isLogarithmic: boolean;
  readonly series: ReadonlyArray<{
    readonly name: string;
    readonly points: ReadonlyArray<readonly [x: number, y: number]>;
  }>;
}

export function barPlot({ title, unit, groups, series }: BarPlot): string {
  const values = series.flatMap((each) => each.values).filter((value) => Number.isFinite(value));
  const y = scaleLinear([0, Math.max(0, ...values)], [BOTTOM, MARGIN.top]).nice(TICKS);
  const names = series.map((each) => each.name);
  const x = scaleBand(groups, [MARGIN.left, RIGHT]).padding(0.2);
  const inner = scaleBand(names, [0, x.bandwidth()]).padding(0.08);
  const bars = series.flatMap(({ name, values: own }, index) =>
    groups.flatMap((group, place) => {
      const value = own[place] ?? Number.NaN;
      if (!Number.isFinite(value)) return [];
      const left = (x(group) ?? 0) + (inner(name) ?? 0);
      const middle = left + inner.bandwidth() / 2;
      return [
        `<rect x="${px(left)}" y="${px(y(value))}" width="${px(inner.bandwidth())}" height="${px(BOTTOM - y(value))}" fill="${colour(index)}"/>`,
        text(middle, y(value) - 4, short(value), 'middle'),
      ];
    }),
  );
  const labels = groups.map((group) => text((x(group) ?? 0) + x.bandwidth() / 2, BOTTOM + 18, group, 'middle'));
  return document(title, unit, [...yAxis(y.ticks(TICKS), y), ...bars, ...labels, ...legend(names)]);
}

export function linePlot({ title, xLabel, unit, isLogarithmic, series }: LinePlot): string {
  const points = series.flatMap((each) => each.points);
  const xs = points.map(([x]) => x);
  const domain = [Math.min(...xs), Math.max(...xs)];
  const x = isLogarithmic ? scaleLog(domain, [MARGIN.left, RIGHT]) : scaleLinear(domain, [MARGIN.left, RIGHT]);
  const y = scaleLinear([0, Math.max(...points.map(([, value]) => value))], [BOTTOM, MARGIN.top]).nice(TICKS);
  const xTicks = isLogarithmic ? [...new Set(xs)].sort((a, b) => a - b) : x.ticks(TICKS);
  const lines = series.flatMap(({ points: own }, index) => [
    `<polyline fill="none" stroke="${colour(index)}" stroke-width="2" points="${own.map(([px_, py]) => `${px(x(px_))},${px(y(py))}`).join(' ')}"/>`,
    ...(own.length > 20
      ? []
      : own.map(([px_, py]) => `<circle cx="${px(x(px_))}" cy="${px(y(py))}" r="3" fill="${colour(index)}"/>`)),
  ]);
  const axis = xTicks.map((tick) => text(x(tick), BOTTOM + 18, short(tick), 'middle'));
  const label = text((MARGIN.left + RIGHT) / 2, BOTTOM + 36, xLabel, 'middle');
  const names = series.map((each) => each.name);
  return document(title, unit, [...yAxis(y.ticks(TICKS), y), ...lines, ...axis, label, ...legend(names)]);
}

function document(title: string, unit: string, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" font-family="system-ui, sans-serif" font-size="12" fill="#222">`,
    `<title>${escape(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text x="${MARGIN.left}" y="20" font-size="14" font-weight="600">${escape(title)}</text>`,
    text(MARGIN.left, 36, unit, 'start'),
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

function yAxis(ticks: readonly number[], y: (value: number) => number): string[] {
  return ticks.flatMap((tick) => [
    `<line x1="${MARGIN.left}" x2="${RIGHT}" y1="${px(y(tick))}" y2="${px(y(tick))}" stroke="#ddd"/>`,
    text(MARGIN.left - 8, y(tick) + 4, short(tick), 'end'),
  ]);
}

function legend(names: readonly string[]): string[] {
  if (names.length < 2) return [];
  return names.flatMap((name, index) => {
    const left = MARGIN.left + index * LEGEND_STEP;
    return [
      `<rect x="${left}" y="${HEIGHT - 20}" width="10" height="10" fill="${colour(index)}"/>`,
      text(left + 15, HEIGHT - 11, name, 'start'),
    ];
  });
}

function text(x: number, y: number, content: string, anchor: 'start' | 'middle' | 'end'): string {
  return `<text x="${px(x)}" y="${px(y)}" text-anchor="${anchor}">${escape(content)}</text>`;
}

function colour(index: number): string {
  return COLOURS[index % COLOURS.length] ?? COLOURS[0];
}

/** 1,234,567 as 1.23 M. */
function short(value: number): string {
  const [divisor, suffix] =
    value >= 1e6 ? ([1e6, ' M'] as const) : value >= 1e4 ? ([1e3, ' k'] as const) : ([1, ''] as const);
  return `${Number((value / divisor).toPrecision(3))}${suffix}`;
}

function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escape(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
