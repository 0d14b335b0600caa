import type { LoadPlan } from '../../../clients/load/load-plan.ts';

export const PLAN: LoadPlan = {
  url: 'http://127.0.0.1:1',
  token: undefined,
  feeds: 4,
  rate: 20_000,
  frameTicks: 50,
  symbols: 250,
  subscribers: 0,
  subscribe: '*',
  mode: 'all',
  codec: 'msgpack',
  durationMs: 8_000,
  warmUpMs: 2_000,
  settleMs: 10_000,
  until: 'committed',
};
