// Who may control a session in a room, and what they may ask for.
import { fieldsOf, having, isFunction, isObject, listOf, type OptionsOf, parseOptions } from '../../../options.ts';
import { CONTROL_VERBS, type ControlFields, type ControlVerb, isControlVerb, SAFE_VERBS } from './control-protocol.ts';

/**
 * Called with the fields of a message of the host's own type and with who sent it. What it returns, or its promise gives, is
 * the `result` of the answer and must be JSON; an AgentError that it throws is told to the sender without its text.
 */
export type ControlHandler = (message: ControlFields, sender: { readonly identity: string }) => unknown;

const isHandlers = (value: unknown) => isObject(value) && Object.values(value).every(isFunction);
const isFrom = (value: unknown) =>
  value === 'user' ||
  value === 'everyone' ||
  (Array.isArray(value) && value.every((identity) => typeof identity === 'string' && identity !== ''));

export interface AgentControlOptions {
  /** Who may control besides the user the agent is linked to: these identities, or everyone in the room. Default `'user'`: nobody. */
  readonly from?: 'user' | 'everyone' | readonly string[];
  /** The types of the library that may be used. Default `SAFE_VERBS`. */
  readonly allow?: readonly ControlVerb[];
  /** Types of the host's own, each with its handler; they are allowed. Default: none. */
  readonly handlers?: Readonly<Record<string, ControlHandler>>;
}

const rules = fieldsOf<AgentControlOptions>()({
  from: having<'user' | 'everyone' | readonly string[]>(
    isFrom,
    "must be 'user', 'everyone' or an array of identities",
  ).default('user'),
  allow: listOf(
    having<ControlVerb>(
      (verb) => typeof verb === 'string' && isControlVerb(verb),
      `must be one of ${CONTROL_VERBS.join(', ')}`,
    ),
  ).default([...SAFE_VERBS]),
  handlers: having<Readonly<Record<string, ControlHandler>>>(isHandlers, 'must be an object of functions').default({}),
});

export type ControlOptions = OptionsOf<typeof rules>;

/** @throws AgentError `ERR_OPTION` naming field and rule */
export function parseControlOptions(options: AgentControlOptions): ControlOptions {
  return parseOptions(rules, options, 'agentControl');
}
