// A session of its own for each participant of a room: begun when they come, ended when they leave.
import type { Clock } from '../../clock.ts';
import { type AgentError, textOf } from '../../errors.ts';
import type { SessionState } from '../../events.ts';
import { fieldsOf, milliseconds, parseOptions } from '../../options.ts';
import type { AgentSession } from '../../runtime/agent-session.ts';
import { isPerson, isStandIn } from '../../transports/livekit/room/link-policy.ts';
import type { Logger } from '../logger.ts';
import type { JobParticipants, RoomParticipant } from './job-participants.ts';

export interface ParticipantSessionsOptions {
  /** Milliseconds for the room to get another participant after the last session is over. Default 5 000; 0 to 600 000. */
  readonly lingerMs?: number;
}

const rules = fieldsOf<ParticipantSessionsOptions>()({ lingerMs: milliseconds(0, 600_000, 5_000) });

const ENDING: readonly SessionState[] = ['closing', 'closed', 'failed'];

export interface SessionStarter {
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly participants: JobParticipants;
  /** Identity of the agent. */
  readonly self: string;
  /** Null: this participant gets no session. */
  start(participant: RoomParticipant): Promise<AgentSession | null>;
}

/** The private sessions that `job.startSessionPerParticipant` keeps, one for each participant. */
export class ParticipantSessions {
  readonly #host: SessionStarter;
  readonly #lingerMs: number;
  /** Null while it is being started. */
  readonly #active = new Map<string, AgentSession | null>();
  /** Who left and came back while there was no session that could go on with them. */
  readonly #returned = new Map<string, RoomParticipant>();
  #linger: unknown;
  #finish: () => void = () => {};
  /** What broke the session that ended last. */
  #broken: AgentError | undefined;
  /** Settles when all are over and nobody has come since; rejects when the last one broke: its participant waits for an agent. */
  readonly over: Promise<void>;

  /** @internal Use `job.startSessionPerParticipant`. */
  constructor(host: SessionStarter, options: ParticipantSessionsOptions) {
    this.#host = host;
    this.#lingerMs = parseOptions(rules, options, 'startSessionPerParticipant').lingerMs;
    const leave = host.participants.listen({ joined: (participant) => void this.#begin(participant) });
    this.over = new Promise((resolve, reject) => {
      const end = () => {
        host.clock.clearTimeout(this.#linger);
        host.signal.removeEventListener('abort', end);
        leave();
        if (this.#broken === undefined || host.signal.aborted) resolve();
        else reject(this.#broken);
      };
      this.#finish = end;
      host.signal.addEventListener('abort', end, { once: true });
      if (host.signal.aborted) end();
    });
  }

  /** The sessions that run, by the identity of their participant. */
  get sessions(): ReadonlyMap<string, AgentSession> {
    return new Map([...this.#active].flatMap(([identity, session]) => (session === null ? [] : [[identity, session]])));
  }

  async #begin(participant: RoomParticipant): Promise<void> {
    const { clock, log, self, signal } = this.#host;
    const { identity, kind } = participant;
    if (!isPerson(kind) || isStandIn(participant, self)) return;
    const before = this.#active.get(identity);
    if (before !== undefined) {
      // Cut off and back again: the session has waited. Gone and back again: the next one waits for the end of the last.
      if (before === null || ENDING.includes(before.state)) this.#returned.set(identity, participant);
      return;
    }
    clock.clearTimeout(this.#linger);
    this.#active.set(identity, null);
    try {
      const session = await this.#host.start(participant);
      if (session !== null) {
        this.#active.set(identity, session);
        // One that runs has found whoever returned while it was being made.
        if (!ENDING.includes(session.state)) this.#returned.delete(identity);
        this.#broken = (await session.whenStopped).error;
      }
    } catch (error) {
      log.error({ participant: identity, error: textOf(error) }, 'a participant has no session');
    }
    this.#active.delete(identity);
    const returned = this.#returned.get(identity);
    this.#returned.delete(identity);
    if (returned?.isPresent === true && !signal.aborted) return this.#begin(returned);
    if (this.#active.size > 0) return;
    clock.clearTimeout(this.#linger);
    this.#linger = clock.setTimeout(() => this.#finish(), this.#lingerMs);
  }
}
