// The sessions of a job: started in its room or elsewhere, linked to whom they talk to, closed with the job.
import type { Clock } from '../../clock.ts';
import { AgentError } from '../../errors.ts';
import type { AgentSession } from '../../runtime/agent-session.ts';
import type { Runtime } from '../../runtime/create-runtime.ts';
import type { SessionStartOptions } from '../../runtime/runtime-options.ts';
import { attachRoomIo, LivekitTransport } from '../../transports/livekit/index.ts';
import type { Logger } from '../logger.ts';
import { watchAbsence } from './absence.ts';
import { type JobChannelOptions, openChannels } from './job-channels.ts';
import type { JobParticipants } from './job-participants.ts';
import type { JobRoom } from './job-room.ts';

export interface JobSessionOptions extends Omit<SessionStartOptions, 'transport'>, JobChannelOptions {
  /** Default: the room of the job. */
  readonly transport?: SessionStartOptions['transport'];
  /** Identity of whom to talk to in the room. Default: whom the job is for, or else the first person, telephone or connector. */
  readonly participant?: string;
  /** With `participant`: nobody else in the room hears the agent, reads its words or is noticed by it. Default false. */
  readonly isPrivate?: boolean;
  /** Hear what the client recorded before the agent came, ahead of the live audio. Default true. */
  readonly preConnectAudio?: boolean;
}

/** A session that runs, and whom it talks to in the room. */
export interface JobSession {
  readonly sessionId: string;
  readonly participant: string | null;
}

export interface JobSessionsOptions {
  readonly runtime: Runtime;
  readonly room: JobRoom;
  readonly participants: JobParticipants;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whom the job is for. */
  readonly participant: string | undefined;
  /** Closes a session when the job ends. Returns a function that takes it back. */
  onEnd(run: (reason: string) => unknown, name: string): () => void;
  /** Keeps the job until it settles. */
  hold(held: Promise<unknown>): void;
  /** Why the job is over, should nothing keep it any more. */
  onReason(reason: string): void;
}

interface Running {
  /** Null: not in a room. */
  readonly transport: LivekitTransport | null;
  readonly isPrivate: boolean;
  stopWatching: () => void;
}

export class JobSessions {
  readonly #options: JobSessionsOptions;
  readonly #running = new Map<AgentSession, Running>();

  constructor(options: JobSessionsOptions) {
    this.#options = options;
  }

  get list(): readonly JobSession[] {
    return [...this.#running].map(([{ sessionId }, { transport }]) => ({
      sessionId,
      participant: transport?.connection?.user?.identity ?? null,
    }));
  }

  /** `isVital`: a session that breaks fails the job; the others go on without it otherwise. */
  async start(
    {
      transport: given,
      participant = this.#options.participant,
      isPrivate = false,
      preConnectAudio,
      agentControl,
      sessionChannel,
      ...options
    }: JobSessionOptions,
    isVital = true,
  ): Promise<AgentSession> {
    if (isPrivate && participant === undefined)
      throw new AgentError('ERR_OPTION', 'a private session is for one participant', {
        field: 'participant',
        rule: 'must be given with `isPrivate`',
        fix: 'Name the participant',
      });
    const { runtime, room, log, onEnd, hold, onReason } = this.#options;
    const transport = given ?? room.transport({ participant, isPrivate, preConnectAudio });
    const session = runtime.createSession({ ...options, transport });
    const { sessionId } = session;
    log.info({ sessionId }, 'session starting');
    // Its text may quote the user.
    session.on('session_error', ({ code, part }) => log.warn({ sessionId, code, part }, 'session error'));
    const inRoom = transport instanceof LivekitTransport ? transport : null;
    if (inRoom !== null) {
      attachRoomIo(session, inRoom);
      openChannels(session, inRoom, { agentControl, sessionChannel });
    }
    const running: Running = { transport: inRoom, isPrivate, stopWatching: () => {} };
    const forget = onEnd((reason) => session.close(reason), `session ${sessionId}`);
    this.#running.set(session, running);
    const stopped = session.whenStopped.then(({ reason, error }) => {
      this.#running.delete(session);
      running.stopWatching();
      forget();
      onReason(reason);
      if (error === undefined) log.info({ sessionId, reason }, 'session stopped');
      else log.error({ sessionId, reason, code: error.code }, 'session broke');
      if (error !== undefined && isVital) throw error;
    });
    // One that does not start is told by its start.
    stopped.catch(() => {});
    await session.start();
    hold(stopped);
    if (given === undefined && participant !== undefined && this.#running.has(session))
      running.stopWatching = watchAbsence(
        this.#options,
        participant,
        () => void session.close('the user did not come back'),
      );
    return session;
  }

  linkTo(session: AgentSession, identity: string | null): void {
    const running = this.#running.get(session);
    if (running === undefined || running.transport === null)
      throw new AgentError('ERR_CLOSED', 'the session is not in the room of this job', { field: 'linkTo' });
    if (running.isPrivate)
      throw new AgentError('ERR_OPTION', 'a private session stays with its participant', {
        field: 'linkTo',
        fix: 'Start another private session for that participant',
      });
    // Whoever it was for may go, and whoever it is for now may be long in coming.
    running.stopWatching();
    running.transport.linkTo(identity);
  }

  /** Resolves when all have ended and are out of the room. */
  async close(reason: string): Promise<void> {
    const open = [...this.#running];
    await Promise.all(open.map(([session]) => session.close(reason)));
    await Promise.all(open.map(([, { transport }]) => transport?.close()));
  }
}
