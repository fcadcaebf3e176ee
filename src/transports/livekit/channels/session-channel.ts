// The channel `lk.agent.session`: what happens in a session is told to its user, and what the user asks is answered.
import { AgentError } from '../../../errors.ts';
import type { SessionEventMap, SessionEventName } from '../../../events.ts';
import { fieldsOf, having, parseOptions, trueOrFalse } from '../../../options.ts';
import type { LivekitTransport } from '../livekit-transport.ts';
import type { RoomConnection } from '../room/room-connection.ts';
import type { RtcByteReader } from '../rtc.ts';
import { ChannelStay } from './channel-stay.ts';
import { RateLimit } from './rate-limit.ts';
import { readBytes } from './read-bytes.ts';
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
/** Events that wait for a page that may never ask. */
const MAX_HELD = 100;

export interface SessionChannelOptions {
  /** Are calls of tools told, with arguments and results? Default true, as the official front ends expect. */
  readonly showTools?: boolean;
  /** Are the agent's instructions told? They are the host's own; the official front ends do without. Default false. */
  readonly showInstructions?: boolean;
  /**
   * When events are sent. `onRequest`: as soon as the page of the user has sent anything on the channel, the newest 100
   * from before included; no work is done for pages that do not know it. `always`: at once, for pages that only listen.
   * Default `onRequest`.
   */
  readonly events?: 'onRequest' | 'always';
}

const rules = fieldsOf<SessionChannelOptions>()({
  showTools: trueOrFalse().default(true),
  showInstructions: trueOrFalse().default(false),
  events: having<'onRequest' | 'always'>(
    (value) => value === 'onRequest' || value === 'always',
    "must be 'onRequest' or 'always'",
  ).default('onRequest'),
});

interface HeldEvent {
  readonly identity: string;
  /** Of those under one key only the newest counts. */
  readonly key: string | null;
  readonly encode: (codec: SessionCodec) => Uint8Array;
}

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

  /** Whose page knows the channel. */
  let reader: string | null = null;
  let held: HeldEvent[] = [];

  const tell = (event: EventInit, key: string | null) => {
    const user = stay?.connection.user ?? null;
    if (stay === null || user === null || stay.connection.isTelephone) return;
    const { identity } = user;
    const createdAt = timestampOf(stay.connection.clock.wallNow());
    if (key !== null) held = held.filter((each) => each.key !== key);
    held.push({ identity, key, encode: (codec) => codec.encode({ case: 'event', value: { createdAt, event } }) });
    if (held.length > MAX_HELD) held.shift();
    release();
  };

  const release = () => {
    const to = stay;
    if (to === null || (shown.events === 'onRequest' && reader !== to.connection.user?.identity)) return;
    for (const { identity, encode, key } of held.splice(0)) send(to, identity, encode, key);
  };

  const join = (connection: RoomConnection) => {
    const joined = new ChannelStay(connection, SESSION_TOPIC);
    stay = joined;
    narrator ??= new SessionNarrator({ session, clock: connection.clock, showTools: shown.showTools, tell });
    if (startedAtMs === 0) startedAtMs = connection.clock.wallNow();
    // Loaded while the room is joined, so that no event waits for it.
    loadSessionCodec().catch((error: unknown) => joined.problem('the protocol cannot be loaded', error));
    connection.room.registerByteStreamHandler(SESSION_TOPIC, (stream, { identity }) => {
      take(joined, stream, identity).catch((error: unknown) => joined.problem('a request was not answered', error));
    });
  };

  const take = async (to: ChannelStay, stream: RtcByteReader, identity: string) => {
    const { clock, user } = to.connection;
    // While nobody is linked, who asks may be about to be.
    const mayBeUser = user === null || identity === user.identity;
    const isTaken = stay === to && mayBeUser && open < MAX_OPEN && limit.take(identity, clock.now());
    // Closed when it is not wanted: a reader that is left alone stays in the library for the rest of the process.
    if (!isTaken) {
      if (mayBeUser) to.problem('requests beyond the limit are dropped', undefined);
      return stream.close();
    }
    // What cannot be read shows as well that somebody knows the channel.
    reader = identity;
    release();
    open++;
    try {
      const bytes = await readBytes(stream, MAX_REQUEST_BYTES, to.connection);
      if ((await to.connection.userSoon())?.identity !== identity) return;
      release();
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
