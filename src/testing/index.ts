// Published as `livekitex-agent/testing`: what a user needs to test an agent without network, devices or waiting.
export { auditChart, type ChartAuditOptions, type ChartFinding, type ChartRule } from './chart-audit.ts';
export { toMermaid, toStudioJson } from './chart-export.ts';
export { VirtualClock, type VirtualClockOptions } from './virtual-clock.ts';
