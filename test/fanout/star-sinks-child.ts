import { StarSink } from './star-sink.ts';

/** Child of bench-star.ts: many sinks in a process of their own. Arguments: url, count. */
const [url = '', count = '0'] = process.argv.slice(2);
const sinks = Array.from({ length: Number(count) }, (_, at) => new StarSink(url, at === 0));

const timer = setInterval(() => {
  const first = sinks[0];
  if (first === undefined) return;
  process.send?.({
    subscribed: sinks.filter((sink) => sink.subscribed).length,
    ticks: first.ticks,
    sum: first.sum,
    bytes: sinks.map((sink) => sink.bytes),
    checksums: sinks.map((sink) => sink.checksum),
    frames: sinks.reduce((total, sink) => total + sink.frames, 0),
    cpuMicros: process.cpuUsage().user + process.cpuUsage().system,
  });
}, 200);
process.on('message', () => {
  clearInterval(timer);
  for (const sink of sinks) sink.close();
  process.disconnect();
});
