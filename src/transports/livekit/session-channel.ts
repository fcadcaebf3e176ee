// The channel `lk.agent.session`: what happens in a session is told to its user, and what the user asks is answered.
import { AgentError } from '../../errors.ts';
import type { SessionEventMap, SessionEventName } from '../../events.ts';
import { fields, parseOptions, trueOrFalse } from '../../options.ts';
import { ChannelStay } from './channel-stay.ts';
import type { LivekitTransport } from './livekit-transport.ts';
import { RateLimit } from './rate-limit.ts';
import { readBytes } from './read-bytes.ts';
import type { RoomConnection } from './room-connection.ts';
import type { RtcByteReader } from './rtc.ts';
import { SessionNarrator } from './session-events.ts';
import {
  type EventInit,
  loadSessionCodec,
  type ResponseInit,
  SESSION_TOPIC,
  type SessionCodec,
  timestampOf,
} from './session-protocol.ts';
import { answerRequest, type RequestedSession } from './session-requests.ts';

/** The longest request holds typed text. */
const MAX_REQUEST_BYTES = 64_000;
/** Requests that are read and answered at once. */
const MAX_OPEN = 8;
/** The official pages ask once in five seconds, and a handful when they open. */
const TAKEN = { burst: 20, perSecond: 5 };

export interface SessionChannelOptions {
  /** Are calls of tools told, with arguments and results? Default true, as the official front ends expect. */
  readonly showTools?: boolean;
  /** Are the agent's instructions told? They are the host's own; the official front ends do without. Default false. */
  readonly showInstructions?: boolean;
}

const rules = fields({
  showTools: trueOrFalse().default(true),
  showInstructions: trueOrFalse().default(false),
});

type ChannelSession = RequestedSession & {
  onAny(listener: (name: SessionEventName, event: SessionEventMap[SessionEventName]) => unknown): () => void;
};

/**
 * Opens the channel of a session that official front ends read: events, state, usage and history, for the linked user
 * only. Call it before `session.start()`, so that nothing is missed. Returns a function that stops it; the end of the
 * session does too.
 * @throws AgentError `ERR_OPTION` naming field and rule
 */
export function attachSessionChannel(
  session: ChannelSession,
  transport: LivekitTransport,
  options: SessionChannelOptions = {},
): () => void {
  const shown = parseOptions(rules, options, 'sessionChannel');
  const limit = new RateLimit(TAKEN);
  let stay: ChannelStay | null = null;
  let narrator: SessionNarrator | null = null;
  let startedAtMs = 0;
  let open = 0;

  const tell = (event: EventInit, key: string | null) => {
    const user = stay?.connection.user ?? null;
    if (stay === null || user === null || stay.connection.isTelephone) return;
    const createdAt = timestampOf(stay.connection.clock.wallNow());
    send(stay, user.identity, (codec) => codec.encode({ case: 'event', value: { createdAt, event } }), key);
  };

  const join = (connection: RoomConnection) => {
    const joined = new ChannelStay(connection, SESSION_TOPIC);
    stay = joined;
    narrator ??= new SessionNarrator({ session, clock: connection.clock, showTools: shown.showTools, tell });
    if (startedAtMs === 0) startedAtMs = connection.clock.wallNow();
    // Loaded while the room is joined, so that no event waits for it.
    loadSessionCodec().catch((error: unknown) => joined.problem('the protocol cannot be loaded', error));
    connection.room.registerByteStreamHandler(SESSION_TOPIC, (reader, { identity }) => {
      take(joined, reader, identity).catch((error: unknown) => joined.problem('a request was not answered', error));
    });
  };

  const take = async (to: ChannelStay, reader: RtcByteReader, identity: string) => {
    const { clock, user } = to.connection;
    // While nobody is linked, who asks may be about to be.
    const mayBeUser = user === null || identity === user.identity;
    const isTaken = stay === to && mayBeUser && open < MAX_OPEN && limit.take(identity, clock.now());
    // Closed when it is not wanted: a reader that is left alone stays in the library for the rest of the process.
    if (!isTaken) {
      if (mayBeUser) to.problem('requests beyond the limit are dropped', undefined);
      return reader.close();
    }
    open++;
    try {
      const bytes = await readBytes(reader, MAX_REQUEST_BYTES, to.connection);
      if ((await to.connection.userSoon())?.identity !== identity) return;
      const codec = await loadSessionCodec();
      const request = codec.readRequest(bytes);
      if (request === null || stay !== to) return;
      const { requestId } = request;
      const context = { ...shown, session, connection: to.connection, codec, startedAtMs };
      const answer = await answerRequest(request, context).catch((error: unknown) => refusalOf(error));
      const response = { requestId, ...answerOf(answer) };
      send(to, identity, (codec) => codec.encode({ case: 'response', value: response }), null);
    } finally {
      open--;
    }
  };

  const leaveRoom = transport.onJoining(join);
  const leaveSession = session.onAny((name, event) => {
    if (name === 'session_stopped') stop();
    else narrator?.hear(name, event);
  });
  const stop = () => {
    leaveRoom();
    leaveSession();
    stay = null;
  };
  return stop;
}

/** One stream for each message, unless somebody else is the user when its turn comes. */
function send(
  stay: ChannelStay,
  identity: string,
  encode: (codec: SessionCodec) => Uint8Array,
  key: string | null,
): void {
  stay.send(async (self) => {
    if (stay.connection.user?.identity !== identity) return;
    const bytes = encode(await loadSessionCodec());
    const writer = await self.streamBytes({ topic: SESSION_TOPIC, destinationIdentities: [identity] });
    try {
      await writer.write(bytes);
    } finally {
      await writer.close();
    }
  }, key);
}

function refusalOf(error: unknown): { readonly error: string } {
  if (!(error instanceof AgentError)) return { error: 'the request failed' };
  const { code, field = '', rule = '' } = error;
  return { error: [code, field, rule].filter((part) => part !== '').join(': ') };
}

function answerOf(answer: ResponseInit | { readonly error: string }) {
  return 'error' in answer ? answer : { response: answer };
}
