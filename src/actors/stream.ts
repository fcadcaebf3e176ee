// Callback logic that cannot hurt its host: late throws and rejections become one failure event, cleanup runs once.

import { type CallbackActorLogic, type EventObject, fromCallback, type NonReducibleUnknown } from 'xstate';
import { type Clock, guardedClock } from '../clock.ts';
import { AgentError } from '../errors.ts';

/** One reason for all: an abort without a reason makes an exception with a stack, five of them for each session that ends. */
const STREAM_OVER = new AgentError('ERR_CLOSED', 'the stream is over');

export interface StreamIo<Event extends EventObject> {
  /** Aborted when the actor is stopped. Made when it is asked for: half of the streams have no use for one. */
  readonly signal: AbortSignal;
  /** The actor was stopped. */
  readonly isOver: boolean;
  /** To the chart that invoked the stream; silent after the stop. */
  report(event: Event): void;
  /** The stream is broken; the first call wins. */
  fail(error: unknown): void;
  /** Wraps a callback given to code that is not ours: a throw inside it fails the stream. */
  guard<A extends readonly unknown[]>(fn: (...args: A) => void): (...args: A) => void;
  /** The clock for code that is not ours: a throw inside a timer fails the stream instead of the process. */
  guardClock(clock: Clock): Clock;
}

/**
 * A stream actor. An `open` that throws is a stream that broke: an engine that cannot be opened for ten seconds must cost
 * the chart's backoff and not the restarts that its supervisor has. What it returns is called once at the end.
 * @param failure the event that tells the chart that the stream broke
 */
export function streamLogic<Event extends EventObject, Input extends NonReducibleUnknown>(
  failure: Event,
  onError: (input: Input, error: unknown) => void,
  open: (input: Input, io: StreamIo<Event>) => () => void,
): CallbackActorLogic<Event, Input> {
  return fromCallback<Event, Input>(({ input, sendBack }) => {
    let isOver = false;
    let controller: AbortController | undefined;
    const report = (event: Event) => {
      if (!isOver) sendBack(event);
    };
    let hasFailed = false;
    const fail = (error: unknown) => {
      if (hasFailed || isOver) return;
      hasFailed = true;
      onError(input, error);
      report(failure);
    };
    const guard =
      <A extends readonly unknown[]>(fn: (...args: A) => void) =>
      (...args: A) => {
        if (isOver) return;
        try {
          fn(...args);
        } catch (error) {
          fail(error);
        }
      };
    const guardClock = (clock: Clock) => guardedClock(clock, guard);
    const io: StreamIo<Event> = {
      get signal() {
        controller ??= new AbortController();
        if (isOver) controller.abort(STREAM_OVER);
        return controller.signal;
      },
      get isOver() {
        return isOver;
      },
      report,
      fail,
      guard,
      guardClock,
    };
    let close: (() => void) | undefined;
    try {
      close = open(input, io);
    } catch (error) {
      fail(error);
    }
    return () => {
      isOver = true;
      controller?.abort(STREAM_OVER);
      try {
        close?.();
      } catch (error) {
        onError(input, error);
      }
    };
  });
}
