// One call in a room of the real server: an agent with tone providers in this process, a user in another.
import { type Room, type SimulateScenarioKind, TrackSource } from '@livekit/rtc-node';
import { expect, inject, vi } from 'vitest';
import { Agent } from '../../src/runtime/agent.ts';
import type { AgentSession } from '../../src/runtime/agent-session.ts';
import { createRuntime, type Runtime } from '../../src/runtime/create-runtime.ts';
import type { RuntimeOptions } from '../../src/runtime/runtime-options.ts';
import type { SessionOptionsInput } from '../../src/runtime/session-options.ts';
import type { ScriptedAnswer } from '../../src/testing/scripted-llm.ts';
import { attachRoomIo, type LivekitTransport, livekitTransport } from '../../src/transports/livekit/index.ts';
import { RemoteUser } from './remote-user.ts';
import { isFinalOf, isSound } from './reports.ts';
import { speakUntil } from './speak-until.ts';
import { tokenFor } from './tokens.ts';
import { toneProviders } from './tone-providers.ts';

let count = 0;

export interface LiveAgent {
  readonly room: string;
  readonly runtime: Runtime;
  readonly session: AgentSession;
  readonly transport: LivekitTransport;
  readonly problems: readonly { readonly where: string; readonly error: unknown }[];
  /** Events of the session, by name. */
  readonly log: readonly { readonly name: string; readonly event: object }[];
  end(): Promise<void>;
}

export interface LiveCall extends LiveAgent {
  readonly user: RemoteUser;
}

export interface LiveAgentOptions {
  /** What the model says. Default: six words. */
  readonly answer?: (text: string) => ScriptedAnswer;
  /** Default: tones. */
  readonly providers?: RuntimeOptions['providers'];
  readonly options?: SessionOptionsInput;
  /** Runs before the session starts. */
  readonly prepare?: (agent: LiveAgent) => unknown;
  /** Seconds for which the token of each attempt to join is valid, the last one for all that follow. One: a fixed token. Default: an hour. */
  readonly tokenSeconds?: readonly number[];
  /** Where the agent finds the server, when not where the user does. */
  readonly url?: string;
}

/** Six words are 1.8 s of sound. */
export const ANSWER = 'one two three four five six';

/** An agent for a room of its own; its session is not started. */
export async function prepareAgent({
  answer,
  providers,
  options = {},
  tokenSeconds = [3_600],
  url,
}: LiveAgentOptions = {}): Promise<LiveAgent> {
  const access = inject('livekit');
  const room = `room-${process.pid}-${++count}`;
  const problems: { where: string; error: unknown }[] = [];
  const runtime = createRuntime({
    providers: providers ?? toneProviders(answer ?? (() => ({ text: ANSWER, firstTokenMs: 0, durationMs: 0 }))),
    onProblem: (problem) => problems.push(problem),
  });
  let attempts = 0;
  const token = () => {
    const ttl = tokenSeconds[Math.min(attempts++, tokenSeconds.length - 1)] ?? 3_600;
    return tokenFor(access, { identity: 'agent', room, agent: true, ttl });
  };
  const transport = livekitTransport({
    url: url ?? access.url,
    ...(tokenSeconds.length === 1 ? { token: await token() } : { getToken: async () => ({ token: await token() }) }),
    onProblem: (problem) => problems.push(problem),
  });
  const session = runtime.createSession({
    agent: new Agent({ instructions: 'Answer.' }),
    transport,
    options: { endpointing: { minDelayMs: 0 }, interruption: { minDurationMs: 200 }, ...options },
  });
  const log: { name: string; event: object }[] = [];
  session.onAny((name, event) => log.push({ name, event }));
  attachRoomIo(session, transport);
  return {
    room,
    runtime,
    session,
    transport,
    problems,
    log,
    end: async () => {
      await runtime.close();
      await transport.close();
    },
  };
}

/** Resolves when the agent has the microphone of its user: what is said before may be lost. */
export function untilListened({ transport, problems }: Pick<LiveAgent, 'transport' | 'problems'>): Promise<void> {
  return vi.waitFor(
    () => {
      const { user, room } = transport.connection ?? {};
      const tracks = [...(user?.trackPublications.values() ?? [])];
      const has = tracks.map(({ source, track }) => ({ source, isSubscribed: track !== undefined }));
      const there = [...(room?.remoteParticipants.keys() ?? [])];
      expect({ has, user: user?.identity, there, problems }).toMatchObject({
        has: expect.arrayContaining([{ source: TrackSource.SOURCE_MICROPHONE, isSubscribed: true }]),
      });
    },
    { timeout: 10_000 },
  );
}

/** An agent and a user in one room, each hearing the other. */
export async function startLiveCall(options: LiveAgentOptions = {}): Promise<LiveCall> {
  const access = inject('livekit');
  const agent = await prepareAgent(options);
  options.prepare?.(agent);
  const user = new RemoteUser();
  await user.join(access.url, await tokenFor(access, { identity: 'user', room: agent.room }));
  await agent.session.start();
  await user.until(({ type }) => type === 'track', { what: 'the track of the agent' });
  await untilListened(agent);
  return {
    ...agent,
    user,
    end: async () => {
      await agent.end();
      await user.end();
    },
  };
}

/** Says something and waits until the answer is over. */
export async function talk({ user }: LiveCall): Promise<void> {
  const from = user.reports.length;
  user.send({ type: 'speak', durationMs: 600, hz: 700 });
  await answered(user, from);
}

/** The same where the agent may not listen to the microphone yet. */
export async function talkAgain({ user }: LiveCall): Promise<void> {
  const from = user.reports.length;
  await speakUntil(user, () => user.reports.slice(from).some(isSound(true)));
  await answered(user, from);
}

async function answered(user: RemoteUser, from: number): Promise<void> {
  await user.until(isFinalOf('agent'), { from, what: 'an answer' });
  await user.until(isSound(false), { from, what: 'its sound' });
}

/** The agent is thrown out of its room and is there again: its track is published anew. */
export async function comesBack(call: LiveCall, scenario: SimulateScenarioKind): Promise<void> {
  const from = call.user.reports.length;
  await simulate(call, scenario);
  await call.user.until(({ type }) => type === 'track', { from, limitMs: 20_000, what: 'the track published anew' });
}

export async function simulate({ transport }: LiveCall, scenario: SimulateScenarioKind): Promise<void> {
  const room = transport.connection?.room as Room | undefined; // the real library runs here
  if (room === undefined) throw new Error('the agent is in no room');
  await room.simulateScenario(scenario);
}

/** Resolves when the room tells the agent of it. */
export function toldOf(
  { transport }: LiveCall,
  event: 'trackPublished' | 'trackUnpublished' | 'trackMuted' | 'trackSubscribed',
): Promise<void> {
  return new Promise((resolve) => transport.connection?.room.on(event, () => resolve()));
}
