// Every chart by name; the audit and the drawings take this list.
export { agentMachine } from './agent.machine.ts';
export { circuitBreakerMachine } from './circuit-breaker.machine.ts';
export { connectionMachine } from './connection.machine.ts';
export { hostMachine } from './host.machine.ts';
export { jobMachine } from './job.machine.ts';
export { pipelineMachine } from './pipeline.machine.ts';
export { reconcilerMachine } from './reconciler.machine.ts';
export { redispatchMachine } from './redispatch.machine.ts';
export { sessionMachine } from './session.machine.ts';
export { toolCallMachine } from './tool-call.machine.ts';
export { turnMachine } from './turn.machine.ts';
export { workerMachine } from './worker.machine.ts';
