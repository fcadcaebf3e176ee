// Published as `livekitex-agent/testing`: what a user needs to test an agent without network, devices or waiting.
export { VirtualClock, type VirtualClockOptions } from './virtual-clock.ts';
