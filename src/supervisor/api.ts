// The calls of OTP on a supervisor's actor. None of them throws or rejects: every outcome is in the answer.
import type { AnyActorRef } from 'xstate';
import { guarded, type ProblemHandler } from '../observer.ts';
import type { ChildSpec, ChildType, FullChildSpec } from './child-spec.ts';
import { type Engine, engineOf } from './engine.ts';
import { type ExitReason, exitReasonOf } from './exit-reason.ts';
import { wantsExit } from './graceful.ts';
import {
  type Call,
  type DeleteChildResult,
  EXIT_EVENT,
  type RestartChildResult,
  type SpecUpdate,
  type StartChildResult,
  type TerminateChildResult,
  type UpdateSpecsResult,
} from './messages.ts';
import { monitor } from './monitor.ts';
import { killTree, servicesOf } from './system-services.ts';

export interface ChildInfo {
  readonly id: string;
  /** The actor, `restarting` between a failed start and the next, or undefined for a child that was stopped. */
  readonly ref: AnyActorRef | 'restarting' | undefined;
  readonly type: ChildType;
}

export interface ChildCounts {
  /** Children known, alive or not. */
  readonly specs: number;
  /** Children with a living actor. */
  readonly active: number;
  readonly supervisors: number;
  readonly workers: number;
}

/** Calls a supervisor. The work is done before this returns when the supervisor is idle and nothing has to be waited for. */
function call<R>(ref: AnyActorRef, request: Call): { readonly reply: Promise<R>; readonly now: () => R | undefined } {
  let answered: R | undefined;
  let settle: ((reply: R) => void) | undefined;
  const answer = (reply: unknown) => {
    answered = reply as R; // operations answer each call with the type its result names
    settle?.(answered);
  };
  const engine = engineOf(ref);
  if (engine === undefined) answer({ ok: false, reason: 'noproc' });
  else engine.enqueue({ call: request, answer });
  return {
    now: () => answered,
    get reply() {
      return answered === undefined ? new Promise<R>((resolve) => (settle = resolve)) : Promise.resolve(answered);
    },
  };
}

/**
 * Starts a child: at the end of a static supervisor's list, or as one more of a dynamic one. When the supervisor is
 * idle the child runs before this returns, and the promise only carries the answer.
 */
export function startChild<Input>(ref: AnyActorRef, spec: ChildSpec<Input>): Promise<StartChildResult> {
  return call<StartChildResult>(ref, { op: 'startChild', spec }).reply;
}

/**
 * `startChild` for callers that need the answer at once, such as an action. Returns `queued` when the supervisor is in
 * the middle of something; the child starts after it, and `onAnswer` (optional) is called then.
 */
export function startChildNow<Input>(
  ref: AnyActorRef,
  spec: ChildSpec<Input>,
  onAnswer?: (result: StartChildResult) => void,
): StartChildResult | 'queued' {
  const started = call<StartChildResult>(ref, { op: 'startChild', spec });
  const answer = started.now();
  if (answer !== undefined) return answer;
  if (onAnswer !== undefined) {
    const tell: ProblemHandler = (problem) => servicesOf(ref.system).onProblem(problem);
    void started.reply.then(guarded(`answer of ${ref.id}`, onAnswer, tell));
  }
  return 'queued';
}

/**
 * Stops a child: by id in a static supervisor, by actor in a dynamic one. Its spec stays unless it is temporary.
 * True as well for a child that is not running; ends a loop of failing restarts.
 */
export function terminateChild(ref: AnyActorRef, target: string | AnyActorRef): Promise<TerminateChildResult> {
  return call<TerminateChildResult>(ref, { op: 'terminateChild', target }).reply;
}

/** Starts a child of a static supervisor that was terminated or ended. A failing start is not retried. */
export function restartChild(ref: AnyActorRef, id: string): Promise<RestartChildResult> {
  return call<RestartChildResult>(ref, { op: 'restartChild', id }).reply;
}

/** Forgets a child of a static supervisor that is not running. */
export function deleteChild(ref: AnyActorRef, id: string): Promise<DeleteChildResult> {
  return call<DeleteChildResult>(ref, { op: 'deleteChild', id }).reply;
}

/** Replaces flags and specs while children run; see the rules in docs/supervision.md. All or nothing. */
export function updateSpecs(ref: AnyActorRef, update: SpecUpdate): Promise<UpdateSpecsResult> {
  return call<UpdateSpecsResult>(ref, { op: 'updateSpecs', update }).reply;
}

/** The children in reverse start order, as OTP lists them. Read at once, also in the middle of an operation. */
export function whichChildren(ref: AnyActorRef): readonly ChildInfo[] {
  const children: ChildInfo[] = [];
  for (const { spec, state, ref: child } of living(ref)?.children.values() ?? []) {
    children.push({ id: spec.id, ref: state === 'restarting' ? 'restarting' : child, type: spec.type });
  }
  return children.reverse();
}

export function countChildren(ref: AnyActorRef): ChildCounts {
  const counts = { specs: 0, active: 0, supervisors: 0, workers: 0 };
  for (const child of living(ref)?.children.values() ?? []) {
    counts.specs++;
    if (child.ref !== undefined && exitReasonOf(child.ref) === undefined) counts.active++;
    if (child.spec.type === 'supervisor') counts.supervisors++;
    else counts.workers++;
  }
  return counts;
}

/** The spec of a child, by id or by actor, with its defaults; undefined when there is no such child. */
export function getChildSpec(ref: AnyActorRef, target: string | AnyActorRef): FullChildSpec | undefined {
  const children = living(ref)?.children;
  return (typeof target === 'string' ? children?.byId(target) : children?.byActor(target))?.spec;
}

/**
 * Asks an actor to end and tells why it did. A supervisor stops its children first, in reverse order and with their
 * deadlines. Actors that do not take part in their shutdown are stopped at once. Never rejects.
 */
export function shutdown(ref: AnyActorRef, reason: ExitReason = 'shutdown'): Promise<ExitReason> {
  return new Promise((resolve) => {
    monitor(ref, (down) => resolve(down.reason));
    if (exitReasonOf(ref) !== undefined) return;
    const event = { type: EXIT_EVENT, reason } as const;
    if (engineOf(ref) !== undefined || wantsExit(ref, event)) ref.send(event);
    else killTree(ref, reason);
  });
}

/** Keeps `value` for the next incarnation of the child `self`; ignored unless its spec says `checkpoint: true`. */
export function saveCheckpoint(self: { readonly sessionId: string }, value: unknown): void {
  const ref = self as AnyActorRef; // every logic knows itself by a type of its own; all are actors
  const record = ref._parent === undefined ? undefined : engineOf(ref._parent)?.children.byActor(ref);
  if (record?.spec.checkpoint === true) record.checkpoint = value;
}

function living(ref: AnyActorRef): Engine | undefined {
  const engine = engineOf(ref);
  return engine?.phase === 'ended' ? undefined : engine;
}
