// Answers to the requests of `lk.agent.session`; each in time for clients that wait five seconds.
import { withinMs } from '../../../clock.ts';
import { AgentError } from '../../../errors.ts';
import type { SessionState, UserState } from '../../../events.ts';
import { packageVersion } from '../package-version.ts';
import type { RoomConnection } from '../room/room-connection.ts';
import { shownStateOf } from '../room/shown-state.ts';
import type { NarratedSession } from './session-events.ts';
import {
  AGENT_STATES,
  chatItemOf,
  type ResponseInit,
  type SessionCodec,
  type SessionRequest,
  type SpokenItem,
  timestampOf,
  USER_STATES,
  usageOf,
} from './session-protocol.ts';

/** A reply to typed text that takes longer is answered with what there is of it. */
const RUN_LIMIT_MS = 4_000;
/** Statistics that take longer are left out. */
const STATS_LIMIT_MS = 2_000;
/** Of a longer conversation the newest part is told. */
const MAX_HISTORY_CHARS = 200_000;
/** The kinds of statistics that are told: none that holds an address. */
const SHOWN_STATS = ['candidatePair', 'inboundRtp', 'outboundRtp', 'remoteInboundRtp', 'remoteOutboundRtp'];

/** What of an AgentSession can be asked for. */
export interface RequestedSession extends NarratedSession {
  readonly state: SessionState;
  readonly userState: UserState;
  readonly agent: NarratedSession['agent'] & {
    readonly agentId: string;
    readonly instructions: string;
    readonly tools: { list(): readonly { readonly name: string }[] };
  };
  sendText(text: string): PromiseLike<unknown>;
}

export interface RequestContext {
  readonly session: RequestedSession;
  readonly connection: RoomConnection;
  readonly codec: SessionCodec;
  readonly showTools: boolean;
  readonly showInstructions: boolean;
  readonly startedAtMs: number;
}

/** @throws AgentError what cannot be done, and why */
export async function answerRequest(
  { request }: Pick<SessionRequest, 'request'>,
  context: RequestContext,
): Promise<ResponseInit> {
  const { session, connection } = context;
  switch (request.case) {
    case 'ping':
      return { case: 'pong', value: {} };
    case 'getChatHistory':
      return { case: 'getChatHistory', value: { items: historyOf(context) } };
    case 'getAgentInfo': {
      const { agentId: id, instructions, tools } = session.agent;
      const shown = context.showInstructions ? { instructions: instructions } : {};
      const names = context.showTools ? tools.list().map(({ name }) => name) : [];
      return { case: 'getAgentInfo', value: { id, ...shown, tools: names, chatCtx: historyOf(context) } };
    }
    case 'getSessionState':
      return {
        case: 'getSessionState',
        value: {
          agentState: AGENT_STATES[shownStateOf(session.state) ?? 'listening'],
          userState: USER_STATES[session.userState],
          agentId: session.agent.agentId,
          createdAt: timestampOf(context.startedAtMs),
        },
      };
    case 'getSessionUsage': {
      const usage = usageOf(session.usage, session.agent.llm?.label ?? '');
      return { case: 'getSessionUsage', value: { usage, createdAt: timestampOf(connection.clock.wallNow()) } };
    }
    case 'getFrameworkInfo':
      return { case: 'getFrameworkInfo', value: { sdk: 'livekitex-agent', sdkVersion: await packageVersion() } };
    case 'getRtcStats':
      return { case: 'getRtcStats', value: await statsOf(context) };
    case 'updateIo':
      return updateIo(request.value, connection);
    case 'runInput':
      return { case: 'runInput', value: { items: await run(request.value.text, context) } };
    default:
      throw notSupported(request.case ?? 'an empty request');
  }
}

function updateIo(
  { input, output }: Extract<SessionRequest['request'], { case: 'updateIo' }>['value'],
  { switches }: RoomConnection,
): ResponseInit {
  if (output?.videoEnabled === true) throw notSupported('output.videoEnabled');
  if (input?.audioEnabled !== undefined) switches.audioInput = input.audioEnabled;
  if (input?.videoEnabled !== undefined) switches.videoInput = input.videoEnabled;
  if (output?.audioEnabled !== undefined) switches.audioOutput = output.audioEnabled;
  if (output?.transcriptionEnabled !== undefined) switches.transcription = output.transcriptionEnabled;
  return { case: 'updateIo', value: {} };
}

/** The newest items that fit, in order. */
function historyOf({ session, showTools }: RequestContext): ReturnType<typeof chatItemOf>[] {
  return newest(session.history.filter(({ type }) => showTools || (type !== 'toolCall' && type !== 'toolOutput')));
}

function newest(items: readonly SpokenItem[]): ReturnType<typeof chatItemOf>[] {
  let chars = 0;
  const from = items.findLastIndex((item) => {
    chars += sizeOf(item);
    return chars > MAX_HISTORY_CHARS;
  });
  return items.slice(from + 1).map((item) => chatItemOf(item));
}

function sizeOf(item: SpokenItem): number {
  switch (item.type) {
    case 'user':
    case 'assistant':
      return item.text.length;
    case 'toolCall':
      return item.arguments.length;
    case 'toolOutput':
      return item.output.length;
    case 'agentHandoff':
      return 0;
  }
}

/** What the user typed, and what the agent did and said about it until its turn ended, or the time was up. */
async function run(text: string, context: RequestContext): Promise<ReturnType<typeof chatItemOf>[]> {
  const { session, connection, showTools } = context;
  const before = new Set(session.history.map(({ id }) => id));
  const reply = session.sendText(text);
  await withinMs(Promise.resolve(reply), RUN_LIMIT_MS, connection.clock);
  const isShown = ({ type }: SpokenItem) => type !== 'user' && (showTools || type === 'assistant');
  return newest(session.history.filter((item) => !before.has(item.id) && isShown(item)));
}

async function statsOf({ connection, codec }: RequestContext) {
  const { room, clock } = connection;
  const stats = room.isConnected ? await withinMs(room.getRtcStats(), STATS_LIMIT_MS, clock) : undefined;
  const shown = (given: readonly { toJson(): unknown }[]) =>
    given.map((each) => each.toJson()).filter((json) => SHOWN_STATS.some((kind) => isKind(json, kind)));
  return codec.statsOf(shown(stats?.publisherStats ?? []), shown(stats?.subscriberStats ?? []));
}

function isKind(json: unknown, kind: string): boolean {
  return typeof json === 'object' && json !== null && Object.hasOwn(json, kind);
}

function notSupported(what: string): AgentError {
  return new AgentError('ERR_CONTROL_MESSAGE', 'is not supported by this agent', { field: what });
}
