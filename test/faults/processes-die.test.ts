import { PROCESS_FAULTS } from './process-faults.ts';
import { testFaults } from './provoke.ts';

testFaults('processes', PROCESS_FAULTS);
