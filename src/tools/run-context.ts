// What a running tool may reach: who is calling, the data of the session, logs, metrics and its own end.
import { AgentError } from '../errors.ts';
import { guarded, type ProblemHandler, reportProblem } from '../observer.ts';
import type { AgentSession } from '../runtime/agent-session.ts';
import { SpeechHandle } from '../speech-handle.ts';

/** Data that an application keeps with a session. A `Map` is one. */
export interface UserData {
  get(key: string): unknown;
  set(key: string, value: unknown): unknown;
  has(key: string): boolean;
}

export interface ToolLogEntry {
  readonly level: 'info' | 'warn' | 'error';
  readonly sessionId: string;
  readonly callId: string;
  readonly toolName: string;
  /** Written by the tool. What callers said belongs into `fields`, where a log can redact it. */
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The part of a session that its tools may touch. */
export interface ToolSession {
  readonly sessionId: string;
  readonly userData: UserData;
  readonly log: (entry: ToolLogEntry) => void;
  readonly addMetric: (name: string, delta: number) => void;
  /** Speaks `text` while the tool runs. */
  readonly say?: (text: string) => SpeechHandle;
  /** The session itself. */
  readonly host?: AgentSession;
}

export interface ToolLog {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

export interface RunContextInit {
  readonly session: ToolSession;
  readonly callId: string;
  readonly toolName: string;
  /** Aborted when this try is over: cancelled, timed out, or its session closed. */
  readonly signal: AbortSignal;
  /** Told when the session's own log, metric or speech hook throws. Default: nobody. */
  readonly onProblem?: ProblemHandler;
}

/**
 * Handed to `execute`, one for each try. Once `signal` is aborted it changes nothing any more: a tool that was given up
 * and works on cannot write into a session that went on without it.
 */
export class RunContext {
  readonly sessionId: string;
  readonly callId: string;
  readonly toolName: string;
  readonly signal: AbortSignal;
  /** Data of the session, shared by all its tools. */
  readonly userData: UserData;
  readonly log: ToolLog;
  readonly #addMetric: (name: string, delta: number) => void;
  readonly #say: (text: string) => SpeechHandle;
  readonly #session: AgentSession | undefined;

  constructor({ session, callId, toolName, signal, onProblem = () => {} }: RunContextInit) {
    const { sessionId, userData } = session;
    this.sessionId = sessionId;
    this.callId = callId;
    this.toolName = toolName;
    this.signal = signal;
    const where = `tool ${toolName}`;
    const whileLive = <A extends readonly unknown[]>(what: string, fn: (...args: A) => unknown) => {
      const safe = guarded(`${where} ${what}`, fn, onProblem);
      return (...args: A) => {
        if (!signal.aborted) safe(...args);
      };
    };
    this.userData = {
      get: (key) => userData.get(key),
      has: (key) => userData.has(key),
      set: whileLive('userData', (key: string, value: unknown) => userData.set(key, value)),
    };
    // A log line of a tool that was given up is worth having, so logs are not fenced.
    const write = guarded(`${where} log`, session.log, onProblem);
    const at =
      (level: ToolLogEntry['level']) =>
      (message: string, fields: Readonly<Record<string, unknown>> = {}) =>
        write({ level, sessionId, callId, toolName, message, fields });
    this.log = { info: at('info'), warn: at('warn'), error: at('error') };
    this.#addMetric = whileLive('metric', session.addMetric);
    this.#session = session.host;
    this.#say = (text) => {
      try {
        if (!signal.aborted) return session.say?.(text) ?? unspoken();
      } catch (error) {
        reportProblem(onProblem, { where: `${where} say`, error });
      }
      return unspoken();
    };
  }

  /**
   * The session that runs the tool, for what a tool may decide: `updateAgent`, `close`, `history`. A tool that was given
   * up still reaches it: look at `signal` first.
   * @throws AgentError `ERR_NOT_PROVIDED` in a context that was made without one, as a test may
   */
  get session(): AgentSession {
    if (this.#session === undefined)
      throw new AgentError('ERR_NOT_PROVIDED', 'this context has no session', {
        field: 'session',
        fix: 'Give `session.host` where the context is made',
      });
    return this.#session;
  }

  /**
   * Adds to a counter of the session.
   * @param delta default 1; any finite number
   * @throws AgentError `ERR_OPTION`
   */
  updateMetrics(name: string, delta = 1): void {
    if (typeof name !== 'string' || name === '') {
      throw new AgentError('ERR_OPTION', 'the metric cannot be updated', { field: 'name', rule: 'a text, not empty' });
    }
    if (!Number.isFinite(delta)) {
      throw new AgentError('ERR_OPTION', 'the metric cannot be updated', { field: 'delta', rule: 'a finite number' });
    }
    this.#addMetric(name, delta);
  }

  /**
   * Speaks at once while the tool runs, e.g. "One moment, I am looking that up."; after what the model said with the call,
   * and before the answer. It is part of the reply: a voice cuts it, and what was heard of it is in the history. The
   * handle tells when it was heard and stops it alone. `abandoned` at once where nothing can be said: the tool was given
   * up, or the text is refused, which is told as a problem. Each further try of a tool says it again.
   */
  say(text: string): SpeechHandle {
    return this.#say(text);
  }
}

function unspoken(): SpeechHandle {
  const handle = new SpeechHandle('unspoken', () => {});
  handle.settle({ outcome: 'abandoned', turn: null });
  return handle;
}
