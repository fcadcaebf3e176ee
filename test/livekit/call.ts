// One call in a room of the real server: an agent with tone providers in this process, a user in another.
import { inject } from 'vitest';
import { Agent } from '../../src/runtime/agent.ts';
import type { AgentSession } from '../../src/runtime/agent-session.ts';
import { createRuntime, type Runtime } from '../../src/runtime/create-runtime.ts';
import type { SessionOptionsInput } from '../../src/runtime/session-options.ts';
import type { ScriptedAnswer } from '../../src/testing/scripted-llm.ts';
import { attachRoomIo, type LivekitTransport, livekitTransport } from '../../src/transports/livekit/index.ts';
import { RemoteUser } from './remote-user.ts';
import { tokenFor } from './tokens.ts';
import { toneProviders } from './tone-providers.ts';

let count = 0;

export interface LiveCall {
  readonly room: string;
  readonly runtime: Runtime;
  readonly session: AgentSession;
  readonly transport: LivekitTransport;
  readonly user: RemoteUser;
  readonly problems: readonly { readonly where: string; readonly error: unknown }[];
  /** Events of the session, by name. */
  readonly log: readonly { readonly name: string; readonly event: object }[];
  end(): Promise<void>;
}

export interface LiveCallOptions {
  readonly answer?: (text: string) => ScriptedAnswer;
  readonly options?: SessionOptionsInput;
  /** Where the agent finds the server, when not where the user does. */
  readonly url?: string;
}

/** Six words are 1.8 s of sound. */
export const ANSWER = 'one two three four five six';

export async function startLiveCall({ answer, options = {}, url }: LiveCallOptions = {}): Promise<LiveCall> {
  const access = inject('livekit');
  const room = `room-${process.pid}-${++count}`;
  const user = new RemoteUser();
  const problems: { where: string; error: unknown }[] = [];
  const runtime = createRuntime({
    providers: toneProviders(answer ?? (() => ({ text: ANSWER, firstTokenMs: 0, durationMs: 0 }))),
    onProblem: (problem) => problems.push(problem),
  });
  const transport = livekitTransport({
    url: url ?? access.url,
    token: await tokenFor(access, { identity: 'agent', room, agent: true }),
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
  await user.join(access.url, await tokenFor(access, { identity: 'user', room }));
  await session.start();
  await user.until(({ type }) => type === 'track', { what: 'the track of the agent' });
  return {
    room,
    runtime,
    session,
    transport,
    user,
    problems,
    log,
    end: async () => {
      await runtime.close();
      await transport.close();
      await user.end();
    },
  };
}
