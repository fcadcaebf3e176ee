// The one table of coded errors; docs/errors.md lists the same codes and the suite compares the two.

interface ErrorRow {
  /** One sentence: what the code means. */
  readonly meaning: string;
  /** May the same call succeed later without a change by the caller? */
  readonly retryable: boolean;
}

export const ERRORS = {
  // shared
  ERR_OPTION: { meaning: 'An option has a value outside its rule.', retryable: false },
  ERR_NOT_PROVIDED: {
    meaning: 'A chart slot, or the context of a tool, was used without what it needs.',
    retryable: false,
  },
  ERR_REAL_IO: { meaning: 'Real input or output was asked for under a virtual clock.', retryable: false },
  ERR_CLOSED: { meaning: 'The runtime or session is already closed.', retryable: false },
  ERR_TIMEOUT: { meaning: 'Something did not answer before its deadline.', retryable: true },
  // audio
  ERR_AUDIO_FRAME: { meaning: 'An audio frame is malformed.', retryable: false },
  ERR_WAV_FORMAT: { meaning: 'A WAV file is broken or of an unsupported encoding.', retryable: false },
  // tools
  ERR_TOOL_DEFINITION: { meaning: 'A tool definition breaks a rule.', retryable: false },
  ERR_TOOL_UNKNOWN: { meaning: 'The model called a tool that is not registered.', retryable: false },
  ERR_TOOL_ARGUMENTS: { meaning: 'Tool arguments do not fit the schema of the tool.', retryable: false },
  ERR_TOOL_TIMEOUT: { meaning: 'A tool did not answer before its deadline.', retryable: true },
  ERR_TOOL_FAILED: { meaning: 'A tool threw or rejected.', retryable: true },
  ERR_TOOL_REPORTED: { meaning: 'A tool refused on purpose; its text is meant for the model.', retryable: false },
  ERR_TOOL_UNAVAILABLE: { meaning: 'The circuit breaker of a tool is open.', retryable: true },
  // providers and models
  ERR_PROVIDER: { meaning: 'A speech or language provider failed.', retryable: true },
  ERR_MODEL_MISSING: { meaning: 'A model file is not in the cache and could not be fetched.', retryable: true },
  ERR_MODEL_CORRUPT: { meaning: 'A model file has the wrong checksum or size.', retryable: true },
  ERR_ENGINE: { meaning: 'An embedded speech engine failed.', retryable: true },
  // runtime
  ERR_AGENT_STATE: { meaning: 'The agent is in a state that does not allow this call.', retryable: false },
  ERR_VIDEO: { meaning: 'What the user shows cannot be handed to the model.', retryable: false },
  ERR_TEXT: { meaning: 'Text input is empty, too long or not well-formed Unicode.', retryable: false },
  ERR_MAX_SESSIONS: { meaning: 'The runtime already holds maxSessions sessions.', retryable: true },
  ERR_SESSION: { meaning: 'A session gave up after its parts could not be restarted.', retryable: false },
  ERR_TRANSPORT: { meaning: 'A transport could not connect or lost its connection.', retryable: true },
  ERR_DEADLINE: { meaning: 'A reply did not make progress before its deadline.', retryable: true },
  // supervision
  ERR_CHILD_SPEC: { meaning: 'A child specification or supervisor flag breaks a rule.', retryable: false },
  ERR_SUPERVISOR: { meaning: 'A supervisor could not do what was asked.', retryable: false },
  // messages of participants in a room
  ERR_CONTROL_MESSAGE: { meaning: "A participant's message does not fit its topic.", retryable: false },
  ERR_CONTROL_FORBIDDEN: { meaning: 'A participant asked for something it may not ask for.', retryable: false },
  ERR_CONTROL_BUSY: { meaning: 'A participant sent too many messages.', retryable: true },
  ERR_CONTROL_FAILED: { meaning: 'What a participant asked for could not be done.', retryable: true },
  // worker
  ERR_WORKER_AUTH: { meaning: 'The LiveKit server refused the API key or secret of a worker.', retryable: false },
  ERR_WORKER: { meaning: 'A worker could not start, or could not do what was asked of it.', retryable: false },
  // LiveKit server API and telephony
  ERR_NOT_FOUND: { meaning: 'A room, participant or dispatch is not on the LiveKit server.', retryable: false },
  ERR_SERVER_API: { meaning: 'The LiveKit server could not do, or refused, what its API was asked.', retryable: true },
  ERR_SIP_UNAVAILABLE: { meaning: 'The LiveKit server has no SIP service.', retryable: false },
  ERR_SIP_CALL: { meaning: 'A telephone call could not be placed, answered or transferred.', retryable: true },
  // command line
  ERR_USAGE: { meaning: 'A command line option is unknown or has a bad value.', retryable: false },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

export interface ErrorDetail {
  /** The option, argument or part that broke the rule, e.g. `endpointing.minDelayMs`. */
  readonly field?: string;
  /** The rule that was broken, e.g. `must be a number >= 0`. */
  readonly rule?: string;
  /** What to do about it. */
  readonly fix?: string;
  readonly cause?: unknown;
  /** Overrides the table, for instance when a server said whether a retry helps. */
  readonly retryable?: boolean;
}

/** Every error this library throws or reports. Match on `code`, never on the text. */
export class AgentError extends Error {
  override readonly name: string = 'AgentError';
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly field: string | undefined;
  readonly rule: string | undefined;
  readonly fix: string | undefined;

  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(describe(message, detail), detail.cause === undefined ? undefined : { cause: detail.cause });
    this.code = code;
    this.retryable = detail.retryable ?? ERRORS[code].retryable;
    this.field = detail.field;
    this.rule = detail.rule;
    this.fix = detail.fix;
  }
}

function describe(message: string, { field, rule, fix }: ErrorDetail): string {
  const where = field === undefined ? '' : `${field}: `;
  const why = rule === undefined ? '' : ` (${rule})`;
  return `${where}${message}${why}${fix === undefined ? '' : `. ${fix}`}`;
}

/** Turns anything that was thrown into an AgentError, keeping one that already is. */
export function toAgentError(thrown: unknown, code: ErrorCode, message: string): AgentError {
  if (thrown instanceof AgentError) return thrown;
  return new AgentError(code, `${message}: ${textOf(thrown)}`, { cause: thrown });
}

/** The message of anything that was thrown; hostile values (throwing getters, proxies) give a fixed text. */
export function textOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? thrown.message : String(thrown);
  } catch {
    return 'a value that cannot be shown';
  }
}
