import { DATABASE_FAULTS, POSTGRES_SERVER_FAULTS } from './postgres-faults.ts';
import { testFaults } from './provoke.ts';

testFaults('PostgreSQL', [...DATABASE_FAULTS, ...POSTGRES_SERVER_FAULTS]);
