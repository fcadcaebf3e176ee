// What a runtime and its supervisors tell, as lines of a worker's log: ids, codes and names, no words of a call.
import { AgentError } from '../../errors.ts';
import type { ProblemHandler } from '../../observer.ts';
import type { RuntimeOptions } from '../../runtime/runtime-options.ts';
import type { ExitReason, Report, ReportHandler, ReportKind } from '../../supervisor/index.ts';
import type { LogFields, Logger } from '../logger.ts';

/** The lines of a runtime; `idsOf` gives the ids of the job that a session belongs to. */
export function runtimeLog(
  logger: Logger,
  idsOf: (sessionId: string) => LogFields,
): Required<Pick<RuntimeOptions, 'onProblem' | 'onReport' | 'onLog'>> {
  return {
    onProblem: problemLog(logger),
    onReport: reportLog(logger, idsOf),
    // The fields of a tool may hold what the caller said.
    onLog: ({ level, sessionId, callId, toolName, message }) =>
      logger[level]({ ...idsOf(sessionId), sessionId, callId, toolName }, message),
  };
}

/** A line for what listeners, inspectors and hooks threw. */
export function problemLog(logger: Logger): ProblemHandler {
  return ({ where, error }) => logger.error({ where, error: kindOf(error), at: placeOf(error) }, 'problem');
}

const MESSAGES: Readonly<Record<Exclude<ReportKind, 'progress'>, string>> = {
  child_terminated: 'a part crashed',
  start_error: 'a part did not start',
  shutdown_error: 'a part did not end as it was told to',
  shutdown: 'a supervisor gave up',
};
const SESSION = /\/session:([^/]+)/;

/** A line for every crash, restart that fails and supervisor that gives up. */
export function reportLog(logger: Logger, idsOf: (sessionId: string) => LogFields = () => ({})): ReportHandler {
  return ({ kind, supervisor, child, reason }) => {
    if (kind === 'progress') return;
    const sessionId = SESSION.exec(`${supervisor}/${child.id}`)?.[1];
    const ids = sessionId === undefined ? {} : { ...idsOf(sessionId), sessionId };
    logger.warn({ ...ids, kind, supervisor, child: child.id, reason: codeOf(reason) }, MESSAGES[kind]);
  };
}

function codeOf(reason: Report['reason'] | ExitReason): string | undefined {
  if (typeof reason !== 'object') return reason;
  if ('shutdown' in reason) return 'shutdown';
  return kindOf(reason.error);
}

/** The text of an error may quote the user; its code or class does not. */
function kindOf(error: unknown): string {
  if (error instanceof AgentError) return error.code;
  return error instanceof Error ? error.name : typeof error;
}

/** The line of code that threw. Taken from below the text of the error, which a stack begins with. */
function placeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { stack = '', message } = error;
  const textAt = stack.indexOf(message);
  return textAt < 0 ? undefined : /\n\s+at (.+)/.exec(stack.slice(textAt + message.length))?.[1];
}
