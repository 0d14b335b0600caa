import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';
import { barPlot, linePlot } from './svg-plot.ts';

const test = suite('bench: plots');

function attributes(svg: string, element: string, name: string): number[] {
  const found = svg.matchAll(new RegExp(`<${element} [^>]*\\b${name}="([-\\d.]+)"`, 'g'));
  return [...found].map((match) => Number(match[1]));
}

test('bars are as high as their values', () => {
  const svg = barPlot({
    title: 'a < b & "c"',
    unit: 'rows a second',
    groups: ['one', 'two'],
    series: [
      { name: 'x', values: [100, 50] },
      { name: 'y', values: [25, Number.NaN] },
    ],
  });
  // The first rectangle is the paper, the last two are the legend.
  assert.equal(
    attributes(svg, 'rect', 'height')
      .slice(1, -2)
      .map((height) => height / 212),
    [1, 0.5, 0.25].map((share) => Math.round(share * 2120) / 2120),
  );
  assert.match(svg, /<title>a &lt; b &amp; &quot;c&quot;<\/title>/);
  assert.match(svg, />100<\/text>/);
});

test('points of a line stand where they belong, also on a logarithmic scale', () => {
  const points = [
    [10, 0],
    [100, 50],
    [1_000, 100],
  ] as const;
  const svg = linePlot({ title: 't', xLabel: 'x', unit: 'u', isLogarithmic: true, series: [{ name: 's', points }] });
  const xs = attributes(svg, 'circle', 'cx');
  const ys = attributes(svg, 'circle', 'cy');
  assert.is(xs.length, 3);
  assert.ok(Math.abs((xs[0] ?? 0) + (xs[2] ?? 0) - 2 * (xs[1] ?? 0)) < 0.2, xs.join());
  assert.ok(Math.abs((ys[0] ?? 0) + (ys[2] ?? 0) - 2 * (ys[1] ?? 0)) < 0.2, ys.join());
  assert.ok((ys[0] ?? 0) > (ys[2] ?? 0));
});
