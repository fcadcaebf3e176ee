// Which operation an event of a supervisor's mailbox begins: an exit, a retry, an API call, or the end.
import type { AnyActorRef } from 'xstate';
import { AgentError } from '../errors.ts';
import { checkChildSpec } from './check-spec.ts';
import type { ChildSpec, FullChildSpec } from './child-spec.ts';
import type { ChildRecord } from './child-table.ts';
import type { Engine } from './engine.ts';
import { exitReasonOf } from './exit-reason.ts';
import {
  type Call,
  type DeleteChildResult,
  EXIT_EVENT,
  type Request,
  type RestartChildResult,
  type StartChildResult,
  type SupervisorEvent,
  type TerminateChildResult,
} from './messages.ts';
import type { Operation } from './selective-mailbox.ts';
import { startRecord } from './start-child.ts';
import { stopRecord } from './stop-child.ts';
import { onChildExit, restartChild } from './strategy.ts';
import { updateSpecs } from './update-specs.ts';

/** Undefined for events that mean nothing (any more): late news, cancelled retries, events of others. */
export function operationFor(engine: Engine, event: SupervisorEvent): Operation<void> | undefined {
  // The union has an open member for xstate's own events, so each case asks for the field that it needs.
  switch (event.type) {
    case 'supervisor.request':
      return 'request' in event ? onRequest(engine, event.request) : undefined;
    case 'supervisor.down':
      return 'ref' in event ? onEnd(engine, engine.children.byActor(event.ref)) : undefined;
    case 'supervisor.retry':
      return 'record' in event && event.record.retryToken === event.token && event.record.state === 'restarting'
        ? restartChild(engine, event.record)
        : undefined;
    case EXIT_EVENT:
      return engine.finish({ kind: 'done', reason: 'reason' in event ? (event.reason ?? 'shutdown') : 'shutdown' });
    default:
      return 'actorId' in event && typeof event.actorId === 'string'
        ? onEnd(engine, engine.children.byActorId(event.actorId))
        : undefined;
  }
}

function onEnd(engine: Engine, record: ChildRecord | undefined): Operation<void> | undefined {
  // The reason is read from the actor, not from the event: news of a former incarnation finds a living actor here.
  const reason = record?.ref === undefined ? undefined : exitReasonOf(record.ref);
  return record === undefined || reason === undefined ? undefined : onChildExit(engine, record, reason);
}

function* onRequest(engine: Engine, request: Request): Operation<void> {
  engine.answer(request, yield* perform(engine, request.call));
}

function* perform(engine: Engine, call: Call): Operation<unknown> {
  switch (call.op) {
    case 'startChild':
      return yield* startChild(engine, call.spec);
    case 'terminateChild':
      return yield* terminateChild(engine, call.target);
    case 'restartChild':
      return yield* restartStopped(engine, call.id);
    case 'deleteChild':
      return deleteChild(engine, call.id);
    case 'updateSpecs':
      return updateSpecs(engine, call.update);
  }
}

function* startChild(engine: Engine, spec: ChildSpec): Operation<StartChildResult> {
  const { children, flags } = engine;
  let full: FullChildSpec;
  try {
    full = checkChildSpec(spec, flags.autoShutdown);
  } catch (error) {
    if (error instanceof AgentError) return { ok: false, reason: 'invalid_spec', error };
    throw error;
  }
  if (flags.dynamic) {
    if (children.size >= flags.maxChildren) return { ok: false, reason: 'max_children' };
  } else {
    const known = children.byId(full.id);
    if (known?.ref !== undefined) return { ok: false, reason: 'already_started', ref: known.ref };
    if (known !== undefined) return { ok: false, reason: 'already_present' };
  }
  const record = children.add(full);
  const outcome = yield* startRecord(engine, record);
  switch (outcome.kind) {
    case 'started':
      return withInfo(outcome.ref, outcome.info);
    case 'ignored':
      if (flags.dynamic || full.restart === 'temporary') children.delete(record);
      return { ok: true, ref: undefined };
    case 'failed':
      children.delete(record);
      return { ok: false, reason: 'start_failed', exit: outcome.reason };
  }
}

function* terminateChild(engine: Engine, target: string | AnyActorRef): Operation<TerminateChildResult> {
  const { children, flags } = engine;
  if (flags.dynamic && typeof target === 'string') return { ok: false, reason: 'simple_one_for_one' };
  const record = typeof target === 'string' ? children.byId(target) : dynamicChild(engine, target);
  if (record === undefined) {
    const isFormerChild = flags.dynamic && typeof target !== 'string' && exitReasonOf(target) !== undefined;
    return isFormerChild ? { ok: true } : { ok: false, reason: 'not_found' };
  }
  yield* stopRecord(engine, record);
  if (flags.dynamic || record.spec.restart === 'temporary') children.delete(record);
  return { ok: true };
}

function dynamicChild({ children, flags }: Engine, ref: AnyActorRef): ChildRecord | undefined {
  // By actor only where ids mean nothing, as OTP has it; a static child is addressed by its id.
  return flags.dynamic ? (children.byActor(ref) ?? children.byFormerActor(ref)) : undefined;
}

function* restartStopped(engine: Engine, id: string): Operation<RestartChildResult> {
  if (engine.flags.dynamic) return { ok: false, reason: 'simple_one_for_one' };
  const record = engine.children.byId(id);
  if (record === undefined) return { ok: false, reason: 'not_found' };
  if (record.state === 'restarting') return { ok: false, reason: 'restarting' };
  if (record.ref !== undefined) return { ok: false, reason: 'running' };
  const outcome = yield* startRecord(engine, record);
  switch (outcome.kind) {
    case 'started':
      return withInfo(outcome.ref, outcome.info);
    case 'ignored':
      return { ok: true, ref: undefined };
    case 'failed':
      return { ok: false, reason: 'start_failed', exit: outcome.reason };
  }
}

function deleteChild({ children, flags }: Engine, id: string): DeleteChildResult {
  if (flags.dynamic) return { ok: false, reason: 'simple_one_for_one' };
  const record = children.byId(id);
  if (record === undefined) return { ok: false, reason: 'not_found' };
  if (record.state === 'restarting') return { ok: false, reason: 'restarting' };
  if (record.ref !== undefined) return { ok: false, reason: 'running' };
  children.delete(record);
  return { ok: true };
}

function withInfo(ref: AnyActorRef, info: unknown): StartChildResult & { ok: true } {
  return info === undefined ? { ok: true, ref } : { ok: true, ref, info };
}
