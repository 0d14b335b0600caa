import { testFaults } from './provoke.ts';
import { REDIS_DATA_FAULTS, REDIS_SERVER_FAULTS } from './redis-faults.ts';

testFaults('Redis', [...REDIS_DATA_FAULTS, ...REDIS_SERVER_FAULTS]);
