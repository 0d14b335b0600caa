export { type Config, loadConfig } from './config.ts';
export {
  RedisUnavailableError,
  RedisUnsafeError,
  StoreSchemaError,
  StoreUnavailableError,
  TickgateError,
  UsageError,
} from './errors.ts';
export { Flusher, flushObserver } from './gateway/flusher.ts';
export { type Gateway, startGateway } from './gateway/gateway.ts';
