// The channel `lk.agent.session`: what happens in a session is told to its user, and what the user asks is answered.
import { AgentError } from '../../errors.ts';
import type { SessionEventMap, SessionEventName } from '../../events.ts';
import { fields, parseOptions, trueOrFalse } from '../../options.ts';
import type { LivekitTransport } from './livekit-transport.ts';
import { Outbox, withinMs } from './outbox.ts';
import { RateLimit } from './rate-limit.ts';
import type { RoomConnection } from './room-connection.ts';
import type { RtcByteReader, RtcByteWriter } from './rtc.ts';
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
/** A stream that has not ended by then never will. */
const READ_LIMIT_MS = 5_000;
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

/** One stay in the room. */
interface Stay {
  readonly connection: RoomConnection;
  readonly outbox: Outbox;
  /** Kinds of problems that were told. */
  readonly told: Set<string>;
  /** Open while a stream is written. */
  writer: RtcByteWriter | null;
}

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
  let stay: Stay | null = null;
  let narrator: SessionNarrator | null = null;
  let startedAtMs = 0;
  let open = 0;

  const tell = (event: EventInit, key: string | null) => {
    if (stay === null || stay.connection.user === null || stay.connection.isTelephone) return;
    const createdAt = timestampOf(stay.connection.clock.wallNow());
    send(stay, (codec) => codec.encode({ case: 'event', value: { createdAt, event } }), key);
  };

  const join = (connection: RoomConnection) => {
    const joined: Stay = {
      connection,
      outbox: new Outbox(connection.clock, (error) => problem(joined, 'a message was not sent', error)),
      told: new Set(),
      writer: null,
    };
    stay = joined;
    narrator ??= new SessionNarrator({ session, clock: connection.clock, showTools: shown.showTools, tell });
    if (startedAtMs === 0) startedAtMs = connection.clock.wallNow();
    // Loaded while the room is joined, so that no event waits for it.
    loadSessionCodec().catch((error: unknown) => connection.problem(SESSION_TOPIC, error));
    connection.beforeLeaving(() => finish(joined));
    connection.room.on('disconnected', () => joined.outbox.close());
    connection.room.registerByteStreamHandler(SESSION_TOPIC, (reader, { identity }) => {
      take(joined, reader, identity).catch((error: unknown) => problem(joined, 'a request was not answered', error));
    });
  };

  const take = async (to: Stay, reader: RtcByteReader, identity: string) => {
    const { clock, user } = to.connection;
    // While nobody is linked, who asks may be about to be.
    const mayBeUser = user === null || identity === user.identity;
    const isTaken = stay === to && mayBeUser && open < MAX_OPEN && limit.take(identity, clock.now());
    // Closed when it is not wanted: a reader that is left alone stays in the library for the rest of the process.
    if (!isTaken) {
      if (mayBeUser) problem(to, 'requests beyond the limit are dropped', undefined);
      return reader.close();
    }
    open++;
    try {
      const bytes = await readWhole(reader, to.connection);
      if ((await to.connection.userSoon())?.identity !== identity) return;
      const codec = await loadSessionCodec();
      const request = codec.readRequest(bytes);
      if (request === null || stay !== to) return;
      const { requestId } = request;
      const context = { ...shown, session, connection: to.connection, codec, startedAtMs };
      const answer = await answerRequest(request, context).catch((error: unknown) => refusalOf(error));
      send(to, (codec) => codec.encode({ case: 'response', value: { requestId, ...answerOf(answer) } }), null);
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

/** One stream for each message, one after the other. */
function send(stay: Stay, encode: (codec: SessionCodec) => Uint8Array, key: string | null): void {
  const { connection, outbox } = stay;
  outbox.push(async () => {
    const { room, user } = connection;
    if (user === null || !room.isConnected) return;
    const bytes = encode(await loadSessionCodec());
    const destinationIdentities = [user.identity];
    const writer = await room.localParticipant?.streamBytes({ topic: SESSION_TOPIC, destinationIdentities });
    if (writer === undefined) return;
    stay.writer = writer;
    try {
      await writer.write(bytes);
    } finally {
      stay.writer = null;
      await writer.close();
    }
  }, key);
}

/** A stream left open when the agent leaves makes the user's page throw. */
async function finish(stay: Stay): Promise<void> {
  await stay.outbox.whenIdle();
  stay.outbox.close();
  await stay.writer?.close();
}

/** @throws AgentError `ERR_CONTROL_MESSAGE`, `ERR_TIMEOUT`, or what the library throws for a stream that broke */
async function readWhole(reader: RtcByteReader, { clock }: RoomConnection): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const end = await withinMs(
    readInto(chunks, reader).then(() => 'whole' as const),
    READ_LIMIT_MS,
    clock,
  );
  if (end !== 'whole') {
    await reader.close();
    throw new AgentError('ERR_TIMEOUT', 'a request did not end', { field: SESSION_TOPIC });
  }
  const bytes = new Uint8Array(chunks.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}

async function readInto(chunks: Uint8Array[], reader: RtcByteReader): Promise<void> {
  let size = 0;
  for await (const chunk of reader) {
    size += chunk.byteLength;
    if (size > MAX_REQUEST_BYTES)
      throw new AgentError('ERR_CONTROL_MESSAGE', 'a request is too large', {
        field: SESSION_TOPIC,
        rule: `must have at most ${MAX_REQUEST_BYTES} bytes`,
      });
    chunks.push(chunk);
  }
}

function refusalOf(error: unknown): { readonly error: string } {
  if (!(error instanceof AgentError)) return { error: 'the request failed' };
  const { code, field = '', rule = '' } = error;
  return { error: [code, field, rule].filter((part) => part !== '').join(': ') };
}

function answerOf(answer: ResponseInit | { readonly error: string }) {
  return 'error' in answer ? answer : { response: answer };
}

/** The first of its kind in each stay: a participant must not be able to fill the log. */
function problem({ connection, told }: Stay, what: string, error: unknown): void {
  if (told.has(what)) return;
  told.add(what);
  connection.problem(`${SESSION_TOPIC}: ${what}`, error);
}
