// Brings a session into a LiveKit room; one attempt to join for each `open`, the connection chart does the repeating.
import { type Clock, withinMs } from '../../clock.ts';
import { AgentError, textOf } from '../../errors.ts';
import {
  fieldsOf,
  having,
  isFunction,
  numberFrom,
  type OptionsOf,
  parseOptions,
  textOfLength,
  trueOrFalse,
} from '../../options.ts';
import type { Transport, TransportOpenOptions } from '../transport.ts';
import { SentRecordings } from './pre-connect/sent-recordings.ts';
import type { RoomConnection } from './room/room-connection.ts';
import type { SessionRoom } from './room/room-seat.ts';
import { allOn, type RoomSwitches } from './room/room-switches.ts';
import { loadRtc, type Rtc, type RtcConnectOptions, type RtcRoom } from './rtc.ts';
import { isServerUrl, SERVER_URL_RULE } from './server-url.ts';

export interface LivekitToken {
  readonly token: string;
  /** When it differs from the transport's own. */
  readonly url?: string;
}

export interface LivekitTransportOptions {
  /** Address of the server: `wss://`, `ws://`, `https://` or `http://`, without user and password. */
  readonly url: string;
  /** A token of kind `agent` with roomJoin, canPublish, canSubscribe, canPublishData and canUpdateOwnMetadata. */
  readonly token?: string;
  /** Instead of `token`: asked for every attempt to join, so that a token may expire while the call goes on. */
  readonly getToken?: () => LivekitToken | Promise<LivekitToken>;
  /** The only participant to talk to. Default: the first person, telephone or connector that is or comes in. */
  readonly identity?: string;
  /**
   * Hear what the client recorded before the agent was there (`preConnectBuffer` and its like), ahead of the live audio.
   * Default true; false: only live audio counts.
   */
  readonly preConnectAudio?: boolean;
  /** How long one attempt to join may take in milliseconds. Default 4 500: less than the connection chart allows. */
  readonly joinTimeoutMs?: number;
  /** Told of sends that failed; the call goes on. Default: nobody. */
  readonly onProblem?: (problem: { readonly where: string; readonly error: unknown }) => void;
  /** @internal Loads the library; a test hands in a stand-in. */
  readonly load?: () => Promise<Rtc>;
  /** @internal Makes the room of one attempt to join. Default: a room of its own; a seat in a shared one lets sessions share the stay. */
  readonly room?: (rtc: Rtc) => SessionRoom;
}

const rules = fieldsOf<LivekitTransportOptions>()({
  url: having<string>(isServerUrl, SERVER_URL_RULE),
  token: textOfLength(1, 100_000).optional(),
  getToken: having<NonNullable<LivekitTransportOptions['getToken']>>(isFunction, 'must be a function').optional(),
  identity: textOfLength(1, 1_000).optional(),
  preConnectAudio: trueOrFalse().default(true),
  joinTimeoutMs: numberFrom(100, 60_000, 'must be a number of milliseconds from 100 to 60 000').default(4_500),
  onProblem: having<NonNullable<LivekitTransportOptions['onProblem']>>(isFunction, 'must be a function').optional(),
  load: having<NonNullable<LivekitTransportOptions['load']>>(isFunction, 'must be a function').optional(),
  room: having<NonNullable<LivekitTransportOptions['room']>>(isFunction, 'must be a function').optional(),
});

/** Largest text that a participant may send. */
const MAX_TEXT_BYTES = 1_000_000;

/**
 * A room of a LiveKit server as transport of one session.
 * @throws AgentError `ERR_OPTION` naming field and rule
 */
export function livekitTransport(options: LivekitTransportOptions): LivekitTransport {
  return new LivekitTransport(options);
}

export class LivekitTransport implements Transport {
  readonly label = 'livekit';
  /** What of the call is on; may be changed at any time. */
  readonly switches: RoomSwitches = allOn();
  readonly #options: OptionsOf<typeof rules>;
  readonly #listeners = new Set<(connection: RoomConnection) => void>();
  readonly #joining = new Set<(connection: RoomConnection) => void>();
  readonly #sentRecordings = new SentRecordings();
  #identity: string | undefined;
  #connection: RoomConnection | null = null;
  /** Everything that was begun and must be out of the room before the next attempt comes in under the same identity. */
  #discarded: Promise<unknown> = Promise.resolve();

  constructor(options: LivekitTransportOptions) {
    this.#options = parseOptions(rules, options, 'livekit');
    this.#identity = this.#options.identity;
    if ((this.#options.token === undefined) === (this.#options.getToken === undefined))
      throw new AgentError('ERR_OPTION', 'livekit is not valid', {
        field: 'token',
        rule: 'either `token` or `getToken` must be given',
        fix: 'Make a token with the AccessToken of livekit-server-sdk',
      });
  }

  /** The newest stay in the room; null before the first. */
  get connection(): RoomConnection | null {
    return this.#connection;
  }

  /**
   * Talks to another participant from now on, in this stay and the next ones; it may be somebody who is still to come. Null:
   * to whoever is linked, or else comes first.
   */
  linkTo(identity: string | null): void {
    this.#identity = identity ?? undefined;
    this.#connection?.linkTo(this.#identity);
  }

  /** @internal Told of every stay in the room, the present one included. Returns a function that stops it. */
  onConnection(listener: (connection: RoomConnection) => void): () => void {
    this.#listeners.add(listener);
    if (this.#connection?.isOpen === true) listener(this.#connection);
    return () => this.#listeners.delete(listener);
  }

  /**
   * @internal Told of every attempt to join, before it begins: what listens to the room from here misses nothing of the way in.
   * Returns a function that stops it.
   */
  onJoining(listener: (connection: RoomConnection) => void): () => void {
    this.#joining.add(listener);
    return () => this.#joining.delete(listener);
  }

  /** Resolves when the agent is out of the room and the native parts are free. Never rejects. */
  async close(): Promise<void> {
    await this.#connection?.close();
    await this.#discarded;
  }

  async open(options: TransportOpenOptions): Promise<RoomConnection> {
    const { clock, signal } = options;
    const { load } = this.#options;
    if (clock.isVirtual && load === undefined)
      throw new AgentError('ERR_REAL_IO', 'a LiveKit room cannot be joined under a virtual clock', {
        fix: 'Use a LoopbackTransport in tests',
      });
    if (this.#connection?.isOpen === true)
      throw new AgentError('ERR_TRANSPORT', 'this transport already carries a session', {
        field: 'transport',
        rule: 'one session for each transport',
        fix: 'Create a new livekitTransport',
        retryable: false,
      });
    // A room, and a camera in it, are most of this folder; whoever joins none must not load them.
    const [rtc, { RoomConnection }, camera] = await Promise.all([
      (load ?? loadRtc)(),
      import('./room/room-connection.ts'),
      options.video && import('./video/camera.ts'),
    ]);
    // Two participants of one identity push each other out, and the server takes the first one's end for the job's.
    await this.#connection?.close();
    await this.#discarded;
    const { url, token } = await this.#access();
    if (signal.aborted) throw ended();
    const room: SessionRoom = this.#options.room?.(rtc) ?? new rtc.Room();
    const connection = new RoomConnection({
      rtc,
      room,
      identity: this.#identity,
      preConnectAudio: this.#options.preConnectAudio,
      sentRecordings: room.sentRecordings ?? this.#sentRecordings,
      open: options,
      switches: this.switches,
      onProblem: (where, error) => this.#problem(where, error),
    });
    if (options.video !== undefined) camera?.watchVideo({ rtc, connection, video: options.video });
    this.#tell(this.#joining, connection);
    // Nothing in the library can be aborted: a join that is given up is waited for and left.
    const joining = this.#join(room, url, token, connection);
    const isIn = await raced(joining, this.#options.joinTimeoutMs, clock, signal).catch((error: unknown) => {
      this.#discard(joining, connection);
      throw joinError(error);
    });
    if (isIn === undefined) {
      this.#discard(joining, connection);
      if (signal.aborted) throw ended();
      throw new AgentError('ERR_TRANSPORT', `the room was not joined within ${this.#options.joinTimeoutMs} ms`, {
        fix: 'Check that the LiveKit server can be reached, UDP included',
      });
    }
    this.#connection = connection;
    this.#tell(this.#listeners, connection);
    return connection;
  }

  #tell(listeners: ReadonlySet<(connection: RoomConnection) => void>, connection: RoomConnection): void {
    for (const listener of listeners) {
      try {
        listener(connection);
      } catch (error) {
        this.#problem('listener', error);
      }
    }
  }

  async #access(): Promise<{ readonly url: string; readonly token: string }> {
    const { url, token, getToken } = this.#options;
    if (getToken !== undefined) {
      const given = await getToken();
      if (typeof given?.token !== 'string' || given.token === '' || !isServerUrl(given.url ?? url))
        throw new AgentError('ERR_TRANSPORT', 'getToken did not give a token', {
          field: 'getToken',
          rule: 'must give { token, url? }',
          retryable: false,
        });
      return { url: given.url ?? url, token: given.token };
    }
    // The server renews the token of whoever is in the room, so the newest one joins again after the first has expired.
    return { url, token: this.#connection?.room.token ?? token ?? '' };
  }

  async #join(room: RtcRoom, url: string, token: string, connection: RoomConnection): Promise<true> {
    await room.connect(url, token, joinOptions(this.#options.joinTimeoutMs));
    await connection.begin();
    return true;
  }

  #discard(joining: Promise<unknown>, connection: RoomConnection): void {
    const left = joining.catch(() => {}).then(() => connection.close()); // why, `open` tells
    this.#discarded = Promise.all([this.#discarded, left]);
  }

  #problem(where: string, error: unknown): void {
    try {
      this.#options.onProblem?.({ where: `livekit ${where}`, error });
    } catch {
      // The handler of problems is the last place to tell.
    }
  }
}

/** How a room is joined. */
export function joinOptions(connectTimeoutMs: number): RtcConnectOptions {
  return {
    autoSubscribe: false,
    dynacast: false,
    // A retry under the same identity replaces the half-joined first try; the server takes that for the agent leaving.
    joinRetries: 0,
    connectTimeoutMs,
    dataStream: { maxPayloadByteLength: MAX_TEXT_BYTES },
  };
}

/** The promise, or undefined when the time is up or the signal aborts. */
async function raced<T>(
  promise: Promise<T>,
  limitMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<T | undefined> {
  let stop = () => {};
  const aborted = new Promise<undefined>((resolve) => {
    stop = () => resolve(undefined);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await withinMs(Promise.race([promise, aborted]), limitMs, clock);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function ended(): AgentError {
  return new AgentError('ERR_CLOSED', 'the session ended while its room was being joined');
}

/** What the library says is text only, and may hold the token, alone or in an address. */
export function joinError(error: unknown): AgentError {
  if (error instanceof AgentError) return error;
  const text = textOf(error)
    .replaceAll(/access_token=[^&\s"')]+/g, 'access_token=...')
    .replaceAll(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g, '...');
  const isRefused = /\b401\b|\b403\b|unauthori[sz]ed|permission|invalid token|token is expired/i.test(text);
  if (isRefused)
    return new AgentError('ERR_TRANSPORT', `the LiveKit server refused the token: ${text}`, {
      fix: 'Check the API key and secret, that the token has not expired, and that it allows roomJoin for this room',
      retryable: false,
    });
  return new AgentError('ERR_TRANSPORT', `the room could not be joined: ${text}`, {
    fix: 'Check the URL of the LiveKit server and that it runs',
  });
}
