// The messages of the topic `agent-control`: JSON, one object a packet; what may be asked, and how it is answered.
import { AgentError, toAgentError } from '../../../errors.ts';
import type { JsonValue } from '../../../json.ts';
import { fields, isObject, parseOptions, textOfLength, trueOrFalse, wholeNumberFrom } from '../../../options.ts';

export const CONTROL_TOPIC = 'agent-control';

/** What one reliable data packet of LiveKit carries; also the bound of an answer. */
export const MAX_CONTROL_BYTES = 15_000;

/** Names the request in its answer; without one only errors are answered. */
export type ControlId = string | number | null;

/** Longest id and type that are taken. */
const MAX_NAME_CHARS = 100;

const instructions = textOfLength(0, 10_000);
const text = textOfLength(1, 10_000);
const allowInterruptions = trueOrFalse().default(true);

const BODIES = {
  ping: fields({}),
  interrupt: fields({}),
  commitTurn: fields({}),
  clearTurn: fields({}),
  getState: fields({}),
  getHistory: fields({ limit: wholeNumberFrom(1, 200, 'must be a whole number from 1 to 200').default(50) }),
  sendText: fields({ text }),
  updateIo: fields({
    audioInput: trueOrFalse().optional(),
    videoInput: trueOrFalse().optional(),
    audioOutput: trueOrFalse().optional(),
    transcription: trueOrFalse().optional(),
  }),
  say: fields({ text, allowInterruptions }),
  generateReply: fields({ instructions: instructions.optional(), allowInterruptions }),
  updateInstructions: fields({ instructions }),
  close: fields({ reason: textOfLength(1, 200).default('closed by a control message') }),
} as const;

/** What the library itself can be asked for. */
export type ControlVerb = keyof typeof BODIES;

export const CONTROL_VERBS = Object.keys(BODIES) as readonly ControlVerb[]; // the keys of the table

/** Allowed unless the host says otherwise: nothing that puts words into the agent's mouth, or ends the call. */
export const SAFE_VERBS: readonly ControlVerb[] = [
  'ping',
  'interrupt',
  'commitTurn',
  'clearTurn',
  'getState',
  'getHistory',
  'sendText',
  'updateIo',
];

export const isControlVerb = (type: string): type is ControlVerb => Object.hasOwn(BODIES, type);

export type ControlBody<Verb extends ControlVerb> = ReturnType<(typeof BODIES)[Verb]['read']>;

/** @throws AgentError `ERR_CONTROL_MESSAGE` naming field and rule */
export function readBody<Verb extends ControlVerb>(verb: Verb, body: unknown): ControlBody<Verb> {
  return parseOptions(BODIES[verb], body, verb, 'ERR_CONTROL_MESSAGE') as ControlBody<Verb>; // its own row of the table
}

/** A message as JSON had it; keys and values are the sender's. */
export type ControlFields = { readonly [key: string]: JsonValue };

export type ReadControl =
  | { readonly id: ControlId; readonly type: string; readonly body: ControlFields; readonly error?: undefined }
  | { readonly id: ControlId; readonly error: AgentError };

/** Never throws, whatever the bytes are. */
export function readControl(bytes: Uint8Array): ReadControl {
  if (bytes.byteLength > MAX_CONTROL_BYTES)
    return { id: null, error: refusal('message', `must have at most ${MAX_CONTROL_BYTES} bytes`, 'Send less at once') };
  const message = parsed(bytes);
  if (!isObject(message) || Array.isArray(message))
    return { id: null, error: refusal('message', 'must be a JSON object in UTF-8', 'Send {"type": "...", "id": 1}') };
  const { type, id = null, ...body } = message as ControlFields; // JSON, and an object
  if (!isId(id))
    return { id: null, error: refusal('id', `must be a whole number, or text of 1 to ${MAX_NAME_CHARS} characters`) };
  if (typeof type !== 'string' || type === '' || type.length > MAX_NAME_CHARS)
    return { id, error: refusal('type', `must be text of 1 to ${MAX_NAME_CHARS} characters`) };
  return { id, type, body };
}

/** Undefined when it is not JSON, or nested deeper than the engine can read. */
function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

function isId(id: JsonValue): id is ControlId {
  if (typeof id === 'string') return id.length > 0 && id.length <= MAX_NAME_CHARS;
  return id === null || Number.isSafeInteger(id);
}

export function refusal(field: string, rule: string, fix = `Correct \`${field}\` and send again`): AgentError {
  return new AgentError('ERR_CONTROL_MESSAGE', 'the message was refused', { field, rule, fix });
}

/** What anything that was thrown while a message was handled is told as. */
export function refusalOf(error: unknown): AgentError {
  return toAgentError(error, 'ERR_CONTROL_FAILED', 'the message could not be handled');
}

export function notForYou(): AgentError {
  return new AgentError('ERR_CONTROL_FORBIDDEN', 'the sender may not control this agent', {
    field: 'sender',
    rule: 'must be the user the agent is linked to, or an identity that the host allows',
    fix: 'Name the identity in `agentControl: { from: [...] }`',
  });
}

export function notAllowed(type: ControlVerb): AgentError {
  return new AgentError('ERR_CONTROL_FORBIDDEN', `\`${type}\` is not allowed`, {
    field: 'type',
    rule: 'must be a type that the host allows',
    fix: `Add '${type}' to \`agentControl: { allow: [...] }\``,
  });
}

export function busy(fix: string): AgentError {
  return new AgentError('ERR_CONTROL_BUSY', 'too many messages', { rule: 'at most 20 a second, 40 at once', fix });
}

/** @throws AgentError `ERR_CONTROL_FAILED` when it is no JSON, or too large for one packet */
export function controlBytes(message: object): Uint8Array {
  let json: string | undefined;
  try {
    json = JSON.stringify(message);
  } catch {
    // A cycle, a big number, or a throwing getter or toJSON.
  }
  const bytes = json === undefined ? undefined : new TextEncoder().encode(json);
  if (bytes === undefined || bytes.byteLength > MAX_CONTROL_BYTES)
    throw new AgentError('ERR_CONTROL_FAILED', 'the message cannot be sent', {
      field: 'message',
      rule: `must be JSON of at most ${MAX_CONTROL_BYTES} bytes`,
      retryable: false,
    });
  return bytes;
}

/** Longest part of an error that is told: a field may be a key of the sender's own making. */
const MAX_PART_CHARS = 500;

/** What the sender is told of an error: never its text, which may quote what is the host's. */
export function errorAnswer(id: ControlId, { code, field, rule, fix, retryable }: AgentError): object {
  const part = (text: string | undefined) => text?.slice(0, MAX_PART_CHARS);
  return { type: 'error', id, error: { code, field: part(field), rule: part(rule), fix: part(fix), retryable } };
}
