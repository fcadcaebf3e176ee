// Published as `livekitex-agent/supervisor`: OTP supervision for XState actors.
//
// In short: `supervisor({...})` and `dynamicSupervisor({...})` make actor logic. `startRoot(logic, { clock })` starts a
// tree. A child is any XState logic. `onSpawn(ref)` runs between creation and start. A child that wants to end by itself
// on shutdown handles the event EXIT_EVENT ('supervisor.exit'): a machine by a transition with that name, other logic by
// `handlesExit(logic)`; all others are stopped at once. An actor ends on purpose by `throw new Exit('shutdown')` or by a
// final output `{ exit: 'shutdown' }`. `monitor(ref, fn)` tells every end once, with reason and output. `kill(ref)`
// stops a subtree now. Calls on supervisors never reject: outcomes are `{ ok: true, ... } | { ok: false, reason }`.
// A dynamic supervisor addresses children by actor: `terminateChild(sup, ref)`; ids are only labels there.
export {
  type ChildCounts,
  type ChildInfo,
  countChildren,
  deleteChild,
  getChildSpec,
  restartChild,
  saveCheckpoint,
  shutdown,
  startChild,
  startChildNow,
  terminateChild,
  updateSpecs,
  whichChildren,
} from './api.ts';
export { checkChildSpec } from './check-spec.ts';
export type {
  AutoShutdown,
  Backoff,
  ChildSpec,
  ChildType,
  FullChildSpec,
  RestartType,
  Shutdown,
  StartContext,
  StartedChild,
  Strategy,
} from './child-spec.ts';
export { describeReason, Exit, type ExitReason, exitReasonOf, isOrderly } from './exit-reason.ts';
export { handlesExit } from './graceful.ts';
export { type CallbackTools, guardedCallback } from './guarded-callback.ts';
export {
  type DeleteChildResult,
  EXIT_EVENT,
  type ExitEvent,
  type RestartChildResult,
  type SpecUpdate,
  type StartChildResult,
  type TerminateChildResult,
  type UpdateSpecsResult,
} from './messages.ts';
export { type Down, kill, link, monitor } from './monitor.ts';
export {
  type PartitionSpec,
  type PartitionSupervisorOptions,
  partitionFor,
  partitionSupervisor,
} from './partition-supervisor.ts';
export {
  type RegisterResult,
  Registry,
  type RegistryChange,
  type RegistryEntry,
  type RegistryKeys,
  type RegistryOptions,
} from './registry.ts';
export {
  type RegistryEmitted,
  type RegistryEvent,
  type RegistryLogic,
  registry,
  registryOf,
} from './registry-logic.ts';
export type { Report, ReportedChild, ReportHandler, ReportKind } from './report.ts';
export type { SupervisorSnapshot } from './snapshot.ts';
export { type RootOptions, startRoot } from './start-root.ts';
export {
  type DynamicSupervisorOptions,
  dynamicSupervisor,
  type SupervisorLogic,
  type SupervisorOptions,
  supervisor,
} from './supervisor.ts';
export {
  type AsyncStreamOptions,
  asyncLinked,
  asyncNolink,
  asyncStream,
  startTask,
  type Task,
  type TaskFn,
  type TaskOptions,
  type TaskResult,
  taskSupervisor,
} from './task-supervisor.ts';
