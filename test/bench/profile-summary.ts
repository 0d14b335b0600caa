import { z } from 'zod';

const profileSchema = z.object({
  nodes: z.array(
    z.object({
      id: z.number(),
      callFrame: z.object({ functionName: z.string(), url: z.string(), lineNumber: z.number() }),
    }),
  ),
  samples: z.array(z.number()),
  timeDeltas: z.array(z.number()),
});

export interface ProfileLine {
  /** `function file:line`. */
  readonly where: string;
  /** Share of the time in which the process was not idle. */
  readonly selfShare: number;
}

/** Where the time of a V8 profile went: functions by their own time, without the first `skipMs` (the start). */
export function summarizeProfile(
  json: string,
  options: { readonly skipMs?: number; readonly count?: number } = {},
): ProfileLine[] {
  const { skipMs = 0, count = 25 } = options;
  const profile = profileSchema.parse(JSON.parse(json));
  const names = new Map(
    profile.nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
      const file = url.split('/').slice(-2).join('/');
      return [id, `${functionName || '(anonymous)'} ${file}${file === '' ? '' : `:${lineNumber + 1}`}`.trim()];
    }),
  );
  const micros = new Map<string, number>();
  let busy = 0;
  let elapsed = 0;
  profile.samples.forEach((id, index) => {
    const name = names.get(id) ?? '';
    const delta = Math.max(0, profile.timeDeltas[index] ?? 0);
    elapsed += delta;
    if (name.startsWith('(idle)') || elapsed < skipMs * 1_000) return;
    busy += delta;
    micros.set(name, (micros.get(name) ?? 0) + delta);
  });
  return [...micros]
    .sort((a, b) => b[1] - a[1])
    .slice(0, count)
    .map(([where, own]) => ({ where, selfShare: own / busy }));
}
