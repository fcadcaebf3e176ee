// One room that lost its agent, or never had one: checked once more, dispatched again, tidied up.
import { assign, setup } from 'xstate';
import { textOf } from '../errors.ts';
import { promiseSlot } from './slots.ts';

export interface RedispatchInput {
  /** The dispatch whose job died or was never taken. */
  readonly dispatchId: string;
  /** Deadline of each step, in milliseconds. */
  readonly stepMs: number;
}

/**
 * What the server says right before anything is done: the room waits; it does not (any more); the dispatch was
 * replaced by somebody else; its jobs died too often.
 */
export type RoomFinding = 'orphaned' | 'served' | 'replaced' | 'hopeless';

export interface RedispatchOutput {
  readonly outcome: 'redispatched' | 'needless' | 'givenUp' | 'failed';
  readonly error: string | null;
}

interface RedispatchContext extends RedispatchInput, RedispatchOutput {}

type DispatchRef = { readonly dispatchId: string };

export const redispatchMachine = setup({
  types: {
    input: {} as RedispatchInput,
    context: {} as RedispatchContext,
    output: {} as RedispatchOutput,
    tags: {} as 'working',
  },
  actors: {
    checkRoom: promiseSlot<RoomFinding, DispatchRef>('checkRoom'),
    createDispatch: promiseSlot<void, DispatchRef>('createDispatch'),
    /** Deletes the old dispatch and removes what is left of its agent. A failure here costs nothing but a later look. */
    clearRoom: promiseSlot<void, DispatchRef>('clearRoom'),
  },
  delays: { step: ({ context }) => context.stepMs },
  guards: {
    isFound: (_, params: { readonly found: RoomFinding; readonly wanted: RoomFinding }) =>
      params.found === params.wanted,
  },
  actions: {
    settle: assign((_, params: { readonly outcome: RedispatchOutput['outcome'] }) => params),
    keepError: assign((_, params: { readonly error: string }) => params),
  },
}).createMachine({
  id: 'redispatch',
  context: ({ input }) => ({ ...input, outcome: 'failed', error: null }),
  initial: 'checking',
  output: ({ context: { outcome, error } }) => ({ outcome, error }),
  states: {
    checking: {
      tags: 'working',
      invoke: {
        src: 'checkRoom',
        input: ({ context: { dispatchId } }) => ({ dispatchId }),
        onDone: [
          {
            guard: { type: 'isFound', params: ({ event }) => ({ found: event.output, wanted: 'orphaned' }) },
            target: 'creating',
          },
          {
            guard: { type: 'isFound', params: ({ event }) => ({ found: event.output, wanted: 'replaced' }) },
            target: 'clearing',
            actions: { type: 'settle', params: { outcome: 'needless' } },
          },
          {
            guard: { type: 'isFound', params: ({ event }) => ({ found: event.output, wanted: 'hopeless' }) },
            target: 'clearing',
            actions: { type: 'settle', params: { outcome: 'givenUp' } },
          },
          { target: 'done', actions: { type: 'settle', params: { outcome: 'needless' } } },
        ],
        onError: {
          target: 'failed',
          actions: { type: 'keepError', params: ({ event }) => ({ error: textOf(event.error) }) },
        },
      },
      after: { step: { target: 'failed', actions: { type: 'keepError', params: { error: 'no answer in time' } } } },
    },
    creating: {
      tags: 'working',
      invoke: {
        src: 'createDispatch',
        input: ({ context: { dispatchId } }) => ({ dispatchId }),
        onDone: { target: 'clearing', actions: { type: 'settle', params: { outcome: 'redispatched' } } },
        onError: {
          target: 'failed',
          actions: { type: 'keepError', params: ({ event }) => ({ error: textOf(event.error) }) },
        },
      },
      after: { step: { target: 'failed', actions: { type: 'keepError', params: { error: 'no answer in time' } } } },
    },
    clearing: {
      tags: 'working',
      invoke: {
        src: 'clearRoom',
        input: ({ context: { dispatchId } }) => ({ dispatchId }),
        onDone: 'done',
        onError: {
          target: 'done',
          actions: { type: 'keepError', params: ({ event }) => ({ error: textOf(event.error) }) },
        },
      },
      after: { step: { target: 'done', actions: { type: 'keepError', params: { error: 'not tidied up in time' } } } },
    },
    failed: { type: 'final' },
    done: { type: 'final' },
  },
});
