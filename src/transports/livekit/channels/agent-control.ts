// The data channel `agent-control`: participants ask a session for something in JSON, and are answered to themselves only.
import { withinMs } from '../../../clock.ts';
import { AgentError } from '../../../errors.ts';
import type { SessionEventMap, SessionEventName } from '../../../events.ts';
import type { LivekitTransport } from '../livekit-transport.ts';
import type { RoomConnection } from '../room/room-connection.ts';
import { ChannelStay } from './channel-stay.ts';
import {
  type AgentControlOptions,
  type ControlHandler,
  type ControlOptions,
  parseControlOptions,
} from './control-options.ts';
import {
  busy,
  CONTROL_TOPIC,
  type ControlFields,
  controlBytes,
  errorAnswer,
  isControlVerb,
  notAllowed,
  notForYou,
  type ReadControl,
  readControl,
  refusal,
  refusalOf,
} from './control-protocol.ts';
import { type ControlledSession, performVerb } from './control-verbs.ts';
import { RateLimit } from './rate-limit.ts';

/** Messages that one participant may send: generous for a page, harmless for the process. */
const TAKEN = { burst: 40, perSecond: 20 };
/** Participants that may not control are told so, a few of them. */
const TOLD_STRANGERS = { burst: 5, perSecond: 1 };
const TOLD_BUSY = { burst: 1, perSecond: 1 };
/** A handler of the host that takes longer is given up; clients wait about as long. */
const HANDLER_TIMEOUT_MS = 10_000;
/** Handlers of the host that run at once. */
const MAX_RUNNING = 16;
/** Messages that wait until the agent is linked to somebody. */
const MAX_WAITING = 20;

type ControllableSession = ControlledSession & {
  onAny(listener: (name: SessionEventName, event: SessionEventMap[SessionEventName]) => unknown): () => void;
};

const attached = new WeakMap<object, AgentControl>();

/**
 * Lets participants control a session by JSON messages on the topic `agent-control`. Call it before `session.start()`, so
 * that nothing is missed. Ends with the session.
 * @throws AgentError `ERR_OPTION` naming field and rule
 */
export function attachAgentControl(
  session: ControllableSession,
  transport: LivekitTransport,
  options: AgentControlOptions = {},
): AgentControl {
  const control = new AgentControl(session, transport, parseControlOptions(options));
  attached.set(session, control);
  return control;
}

/** The control channel of a session, for messages of the host; null where none was attached. */
export function agentControlOf(session: object): AgentControl | null {
  return attached.get(session) ?? null;
}

export interface ControlCounters {
  readonly received: number;
  readonly answered: number;
  /** Answered with an error. */
  readonly refused: number;
  /** Beyond the limit of their sender, and not answered. */
  readonly dropped: number;
}

/** Answers the control messages of a session's participants, and sends them messages of the host. */
export class AgentControl {
  readonly #session: ControllableSession;
  readonly #transport: LivekitTransport;
  readonly #options: ControlOptions;
  readonly #handlers = new Map<string, ControlHandler>();
  readonly #counters = { received: 0, answered: 0, refused: 0, dropped: 0 };
  readonly #taken = new RateLimit(TAKEN);
  readonly #strangers = new RateLimit(TOLD_STRANGERS);
  readonly #busy = new RateLimit(TOLD_BUSY);
  #stay: ChannelStay | null = null;
  #running = 0;
  #waiting = 0;
  #isStopped = false;
  readonly #leave: readonly (() => void)[];

  /** @internal Use `attachAgentControl`. */
  constructor(session: ControllableSession, transport: LivekitTransport, options: ControlOptions) {
    this.#session = session;
    this.#transport = transport;
    this.#options = options;
    for (const [type, handler] of Object.entries(options.handlers)) this.onControl(type, handler);
    this.#leave = [
      transport.onJoining((connection) => this.#join(connection)),
      session.onAny((name) => {
        if (name === 'session_stopped') this.stop();
      }),
    ];
  }

  get counters(): ControlCounters {
    return { ...this.#counters };
  }

  /**
   * Handles messages of a type of the host's own. Returns a function that stops it.
   * @throws AgentError `ERR_OPTION` when the type is taken
   */
  onControl(type: string, handler: ControlHandler): () => void {
    if (type === '' || isControlVerb(type) || type === 'result' || type === 'error' || this.#handlers.has(type))
      throw new AgentError('ERR_OPTION', `the type \`${type}\` cannot be handled`, {
        field: type === '' ? 'type' : type,
        rule: 'must not be empty, a type of the library, or handled already',
        fix: 'Choose another name, for instance with a prefix of your own',
      });
    this.#handlers.set(type, handler);
    return () => this.#handlers.delete(type);
  }

  /**
   * Sends a message of the host's own, by default to the user. Returns whether there was a room and somebody to send it to.
   * @throws AgentError `ERR_CONTROL_FAILED` when it is no JSON, or too large
   */
  send(message: { readonly type: string } & ControlFields, to?: readonly string[]): boolean {
    const bytes = controlBytes(message);
    const user = this.#stay?.connection.user?.identity;
    const identities = to ?? (user === undefined ? [] : [user]);
    if (identities.length === 0) return false;
    return this.#push(bytes, identities);
  }

  /** No message is taken any more; answers under way still go out. Idempotent. */
  stop(): void {
    this.#isStopped = true;
    this.#stay?.connection.room.answerControl?.(false);
    for (const leave of this.#leave) leave();
  }

  #join(connection: RoomConnection): void {
    this.#stay = new ChannelStay(connection, CONTROL_TOPIC);
    connection.room.answerControl?.(true);
    connection.room.on('dataReceived', (payload, participant, _kind, topic) => {
      if (topic !== CONTROL_TOPIC || participant === undefined) return;
      if (connection.room.isElsewhere?.(participant.identity) === true && !this.#isNamed(participant.identity)) return;
      this.#counters.received++;
      if (connection.user === null && !this.#mayControl(participant.identity) && this.#waiting < MAX_WAITING)
        void this.#receiveLinked(connection, payload, participant.identity);
      else this.#receive(payload, participant.identity);
    });
  }

  /** While nobody is linked, who asks may be about to be. */
  async #receiveLinked(connection: RoomConnection, bytes: Uint8Array, identity: string): Promise<void> {
    this.#waiting++;
    await connection.userSoon();
    this.#waiting--;
    this.#receive(bytes, identity);
  }

  #receive(bytes: Uint8Array, identity: string): void {
    if (this.#isStopped || this.#stay === null) return;
    const nowMs = this.#stay.connection.clock.now();
    if (!this.#mayControl(identity)) {
      if (this.#strangers.take('', nowMs)) this.#refuse(identity, { id: null, error: notForYou() });
      else this.#drop();
      return;
    }
    if (!this.#taken.take(identity, nowMs)) {
      this.#drop();
      if (this.#busy.take(identity, nowMs)) this.#refuse(identity, { id: null, error: busy('Send fewer a second') });
      return;
    }
    const message = readControl(bytes);
    if (message.error !== undefined) this.#refuse(identity, message);
    else this.#perform(message, identity);
  }

  #mayControl(identity: string): boolean {
    if (this.#options.from === 'everyone' || identity === this.#stay?.connection.user?.identity) return true;
    return this.#isNamed(identity);
  }

  #isNamed(identity: string): boolean {
    const { from } = this.#options;
    return from !== 'everyone' && from !== 'user' && from.includes(identity);
  }

  #perform({ id, type, body }: Extract<ReadControl, { type: string }>, identity: string): void {
    try {
      const handler = this.#handlers.get(type);
      if (handler !== undefined) {
        void this.#handle(handler, { id, type, body }, identity);
        return;
      }
      if (!isControlVerb(type)) throw refusal('type', `must be one of ${this.#types.join(', ')}`);
      if (!this.#options.allow.includes(type)) throw notAllowed(type);
      const target = { session: this.#session, switches: this.#transport.switches };
      this.#answer(identity, id, performVerb(type, body, target));
    } catch (error) {
      this.#refuse(identity, { id, error: refusalOf(error) });
    }
  }

  get #types(): readonly string[] {
    return [...this.#options.allow, ...this.#handlers.keys()];
  }

  async #handle(
    handler: ControlHandler,
    { id, body }: { readonly id: ReadControl['id']; readonly type: string; readonly body: ControlFields },
    identity: string,
  ): Promise<void> {
    const clock = this.#stay?.connection.clock;
    if (clock === undefined) return;
    try {
      if (this.#running >= MAX_RUNNING) throw busy('Wait for the answers');
      this.#running++;
      try {
        const running = (async () => ({ result: await handler(body, { identity }) }))();
        const done = await withinMs(running, HANDLER_TIMEOUT_MS, clock);
        if (done === undefined) throw new AgentError('ERR_TIMEOUT', 'the handler did not answer');
        this.#answer(identity, id, done.result ?? {});
      } finally {
        this.#running--;
      }
    } catch (error) {
      if (!(error instanceof AgentError)) this.#stay?.problem('a handler failed', error);
      this.#refuse(identity, { id, error: refusalOf(error) });
    }
  }

  #answer(identity: string, id: ReadControl['id'], result: unknown): void {
    this.#counters.answered++;
    if (id !== null) this.#push(controlBytes({ type: 'result', id, result }), [identity]);
  }

  #refuse(identity: string, { id, error }: { readonly id: ReadControl['id']; readonly error: AgentError }): void {
    this.#counters.refused++;
    this.#stay?.problem('a message was refused', error);
    this.#push(controlBytes(errorAnswer(id, error)), [identity]);
  }

  #drop(): void {
    this.#counters.dropped++;
    this.#stay?.problem('messages beyond the limit are dropped', busy('Send fewer a second'));
  }

  #push(bytes: Uint8Array, identities: readonly string[]): boolean {
    const stay = this.#stay;
    if (stay === null || !stay.connection.room.isConnected) return false;
    const options = { topic: CONTROL_TOPIC, reliable: true, destination_identities: [...identities] };
    stay.send((self) => self.publishData(bytes, options));
    return true;
  }
}
