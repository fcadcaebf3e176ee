// Places in a chart that the runtime fills: typed logic that fails until it is provided.
import {
  type CallbackActorLogic,
  type EventObject,
  fromCallback,
  fromPromise,
  type NonReducibleUnknown,
  type PromiseActorLogic,
} from 'xstate';
import { AgentError } from '../errors.ts';

/** A slot for work that ends once with an output. */
export function promiseSlot<Output, Input extends NonReducibleUnknown>(name: string): PromiseActorLogic<Output, Input> {
  return fromPromise<Output, Input>(() => Promise.reject(notProvided(name)));
}

/** A slot for work that goes on until its state is left and reports by events. */
export function callbackSlot<Event extends EventObject, Input extends NonReducibleUnknown>(
  name: string,
): CallbackActorLogic<Event, Input> {
  return fromCallback<Event, Input>(() => {
    throw notProvided(name);
  });
}

/** An action slot. */
export function effectSlot<Params extends Record<string, unknown> | undefined = undefined>(
  name: string,
): (args: unknown, params: Params) => void {
  return () => {
    throw notProvided(name);
  };
}

function notProvided(name: string): AgentError {
  return new AgentError('ERR_NOT_PROVIDED', `slot ${name} has no implementation`, {
    field: name,
    fix: 'Start the chart through createRuntime, or provide the slot in a test',
  });
}
