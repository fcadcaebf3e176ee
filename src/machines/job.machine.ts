// One job of a worker: offered by the server, accepted, assigned, run, and brought to an end that is always reported.
import { assign, setup } from 'xstate';
import { effectSlot, promiseSlot } from './slots.ts';

/** Deadlines of one job, in milliseconds. */
export interface JobSettings {
  /** The request filter's answer. Longer than 2 000 and the server has stopped waiting. */
  readonly decisionMs: number;
  /** Accepted -> assigned. */
  readonly assignmentMs: number;
  /** Assigned -> the runner has begun. */
  readonly startMs: number;
  /** A termination that is doubted is looked at again after this. */
  readonly recheckMs: number;
  /** Told to end -> ended, shutdown callbacks included. */
  readonly endMs: number;
}

export interface JobInput {
  readonly jobId: string;
  readonly settings: JobSettings;
}

interface JobMachineContext extends JobInput {
  readonly reason: string;
  readonly error: string | null;
  readonly outcome: JobOutcome;
}

export type JobOutcome = 'succeeded' | 'failed' | 'refused' | 'expired';

export type JobEvent =
  /** The server has chosen us; token and address are kept outside the chart. */
  | { readonly type: 'job.assigned' }
  /** The runner has begun with the entry function. */
  | { readonly type: 'job.started' }
  /** The entry function and all it held are over. */
  | { readonly type: 'job.finished'; readonly reason: string; readonly error: string | null }
  /** Every shutdown callback has run; nothing of the job is left. */
  | { readonly type: 'job.ended'; readonly error: string | null }
  /** What ran the job is gone: no callback can run. */
  | { readonly type: 'job.died'; readonly error: string }
  /** From the server. `isDoubtful`: the agent may have left its room only to come back, which looks like the end of its job. */
  | { readonly type: 'job.terminate'; readonly isDoubtful: boolean }
  | { readonly type: 'job.stop'; readonly reason: string }
  /** The socket is lost: an assignment cannot come any more. */
  | { readonly type: 'job.withdraw' };

export interface JobOutput {
  readonly outcome: JobOutcome;
  readonly reason: string;
  readonly error: string | null;
}

type JobRef = { readonly jobId: string };

const TERMINATED = 'terminated by the server';

/** Nothing was started yet that could finish. */
const NOT_STARTED = { 'job.finished': {}, 'job.died': {} } as const;

export const jobMachine = setup({
  types: {
    input: {} as JobInput,
    context: {} as JobMachineContext,
    events: {} as JobEvent,
    output: {} as JobOutput,
    tags: {} as 'rest' | 'working' | 'reserved' | 'assigned',
  },
  actors: {
    /** True takes the job. Decided from local state; nothing is started for it. */
    decideJob: promiseSlot<boolean, JobRef>('decideJob'),
  },
  delays: {
    decision: ({ context }) => context.settings.decisionMs,
    assignment: ({ context }) => context.settings.assignmentMs,
    start: ({ context }) => context.settings.startMs,
    recheck: ({ context }) => context.settings.recheckMs,
    end: ({ context }) => context.settings.endMs,
  },
  guards: {
    isTaken: (_, params: { readonly isTaken: boolean }) => params.isTaken,
    isDoubtful: (_, params: { readonly isDoubtful: boolean }) => params.isDoubtful,
    hasFailed: ({ context }) => context.error !== null,
    hasError: (_, params: { readonly error: string | null }) => params.error !== null,
  },
  actions: {
    keepReason: assign((_, params: { readonly reason: string }) => params),
    settle: assign((_, params: { readonly outcome: JobOutcome }) => params),
    keepError: assign((_, params: { readonly reason: string; readonly error: string | null }) => params),
    answerYes: effectSlot<JobRef>('answerYes'),
    answerNo: effectSlot<JobRef>('answerNo'),
    startRun: effectSlot<JobRef>('startRun'),
    /** Tells the server that the job runs. */
    showRunning: effectSlot<JobRef>('showRunning'),
    /** Sends `job.stop` when the server says that it has deleted the dispatch of the job. */
    askServer: effectSlot<JobRef>('askServer'),
    /** Doubts on with another `job.terminate`, or ends a job whose agent does not come back. */
    lookAgain: effectSlot<JobRef>('lookAgain'),
    /** Has the shutdown callbacks run; `job.ended` follows. `hasFailed`: it ends because something broke. */
    stopRun: effectSlot<JobRef & { reason: string; hasFailed: boolean }>('stopRun'),
  },
}).createMachine({
  id: 'job',
  context: ({ input }) => ({ ...input, reason: '', error: null, outcome: 'failed' }),
  initial: 'offered',
  output: ({ context: { outcome, reason, error } }) => ({ outcome, reason, error }),
  on: {
    'job.finished': {
      target: '.ending',
      actions: { type: 'keepError', params: ({ event: { reason, error } }) => ({ reason, error }) },
    },
    'job.stop': {
      target: '.ending',
      actions: { type: 'keepReason', params: ({ event: { reason } }) => ({ reason }) },
    },
    'job.terminate': {
      target: '.ending',
      actions: { type: 'keepReason', params: { reason: TERMINATED } },
    },
    'job.died': {
      target: '.failed',
      actions: { type: 'keepError', params: ({ event: { error } }) => ({ reason: 'died', error }) },
    },
  },
  states: {
    offered: {
      tags: ['working', 'reserved'],
      invoke: {
        src: 'decideJob',
        input: ({ context: { jobId } }) => ({ jobId }),
        onDone: [
          { guard: { type: 'isTaken', params: ({ event }) => ({ isTaken: event.output }) }, target: 'accepted' },
          { target: 'refused', actions: { type: 'keepReason', params: { reason: 'refused by the request filter' } } },
        ],
        onError: {
          target: 'refused',
          actions: { type: 'keepReason', params: { reason: 'the request filter failed' } },
        },
      },
      after: {
        decision: {
          target: 'refused',
          actions: { type: 'keepReason', params: { reason: 'the request filter did not answer in time' } },
        },
      },
      on: { 'job.withdraw': 'expired', 'job.terminate': 'refused', 'job.stop': 'refused', ...NOT_STARTED },
    },
    accepted: {
      tags: ['working', 'reserved'],
      entry: { type: 'answerYes', params: ({ context: { jobId } }) => ({ jobId }) },
      after: { assignment: 'expired' },
      on: {
        'job.assigned': 'starting',
        'job.withdraw': 'expired',
        'job.terminate': 'expired',
        'job.stop': 'expired',
        ...NOT_STARTED,
      },
    },
    starting: {
      tags: ['working', 'assigned'],
      entry: { type: 'startRun', params: ({ context: { jobId } }) => ({ jobId }) },
      after: {
        start: {
          target: 'ending',
          actions: { type: 'keepError', params: { reason: 'start', error: 'the job did not start in time' } },
        },
      },
      on: { 'job.started': 'running' },
    },
    running: {
      tags: ['rest', 'assigned'],
      entry: { type: 'showRunning', params: ({ context: { jobId } }) => ({ jobId }) },
      initial: 'steady',
      states: {
        steady: {},
        doubting: {
          entry: { type: 'askServer', params: ({ context: { jobId } }) => ({ jobId }) },
          after: {
            recheck: {
              target: 'steady',
              actions: { type: 'lookAgain', params: ({ context: { jobId } }) => ({ jobId }) },
            },
          },
        },
      },
      on: {
        'job.terminate': [
          {
            guard: { type: 'isDoubtful', params: ({ event }) => ({ isDoubtful: event.isDoubtful }) },
            target: '.doubting',
          },
          { target: 'ending', actions: { type: 'keepReason', params: { reason: TERMINATED } } },
        ],
      },
    },
    ending: {
      tags: ['working', 'assigned'],
      entry: {
        type: 'stopRun',
        params: ({ context: { jobId, reason, error } }) => ({ jobId, reason, hasFailed: error !== null }),
      },
      after: {
        end: {
          target: 'failed',
          actions: { type: 'keepError', params: { reason: 'end', error: 'the job did not end in time' } },
        },
      },
      on: {
        'job.ended': [
          {
            guard: { type: 'hasError', params: ({ event }) => ({ error: event.error }) },
            target: 'failed',
            actions: { type: 'keepError', params: ({ event: { error } }) => ({ reason: 'end', error }) },
          },
          { guard: 'hasFailed', target: 'failed' },
          { target: 'succeeded' },
        ],
        // It is ending already; the first reason stays.
        'job.finished': {},
        'job.stop': {},
        'job.terminate': {},
      },
    },
    succeeded: { type: 'final', entry: { type: 'settle', params: { outcome: 'succeeded' } } },
    failed: { type: 'final', entry: { type: 'settle', params: { outcome: 'failed' } } },
    refused: {
      type: 'final',
      entry: [
        { type: 'settle', params: { outcome: 'refused' } },
        { type: 'answerNo', params: ({ context: { jobId } }) => ({ jobId }) },
      ],
    },
    expired: { type: 'final', entry: { type: 'settle', params: { outcome: 'expired' } } },
  },
});
