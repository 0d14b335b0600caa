import { FEED_FAULTS } from './feed-faults.ts';
import { FEED_LINK_FAULTS, SERVICE_LINK_FAULTS } from './network-faults.ts';
import { testFaults } from './provoke.ts';

testFaults('feeds and networks', [...FEED_FAULTS, ...FEED_LINK_FAULTS, ...SERVICE_LINK_FAULTS]);
