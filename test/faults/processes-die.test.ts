import { PROCESS_FAULTS } from './process-faults.ts';
import { testFaults } from './provoke.ts';

testFaults('faults of processes', PROCESS_FAULTS);
