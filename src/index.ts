export { type Config, loadConfig } from './config.ts';
export {
  RedisUnavailableError,
  RedisUnsafeError,
  StoreSchemaError,
  StoreUnavailableError,
  TickgateError,
  UsageError,
} from './errors.ts';
export { Flusher, flushObserver } from './flusher.ts';
export { type Gateway, startGateway } from './gateway.ts';
