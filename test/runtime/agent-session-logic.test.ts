import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type AnyActorRef, assign, createActor, sendTo, setup } from 'xstate';
import { seededIds } from '../../src/ids.ts';
import {
  Agent,
  type AgentSession,
  type AgentSessionCommand,
  type AgentSessionEvent,
  type AgentSessionInput,
  type AgentSessionOutput,
  agentSession,
  createRuntime,
  type Problem,
  type Runtime,
  type RuntimeOptions,
  sessionOf,
  type Transport,
} from '../../src/index.ts';
import {
  crash,
  LoopbackUser,
  ScriptedLlm,
  ScriptedStt,
  ScriptedTts,
  ScriptedVad,
  VirtualClock,
} from '../../src/testing/index.ts';

/** What reached the process although nobody should let it. */
const uncaught: unknown[] = [];
const note = (error: unknown) => uncaught.push(error);

interface Stage {
  readonly clock: VirtualClock;
  readonly runtime: Runtime;
  readonly user: LoopbackUser;
  readonly problems: Problem[];
  readonly input: AgentSessionInput;
}

function stage(options: RuntimeOptions = {}, transport?: Transport): Stage {
  const clock = new VirtualClock();
  const user = new LoopbackUser({ clock });
  const problems: Problem[] = [];
  const runtime = createRuntime({
    clock,
    ids: seededIds(1),
    onProblem: (problem) => problems.push(problem),
    providers: {
      vad: new ScriptedVad(),
      stt: new ScriptedStt(user.script),
      tts: new ScriptedTts(),
      llm: new ScriptedLlm({ clock, otherwise: (text) => ({ text: `You said ${text}` }) }),
      turnDetector: null,
    },
    ...options,
  });
  const agent = new Agent({ instructions: 'Be short.' });
  return { clock, runtime, user, problems, input: { runtime, agent, transport: transport ?? user.transport } };
}

type HostEvent =
  | AgentSessionEvent
  | { readonly type: 'host.ask'; readonly command: AgentSessionCommand }
  | { readonly type: 'host.leave' }
  | { readonly type: 'host.crash' };

/** A host that invokes the call, keeps what it hears, and passes commands on. */
const hostMachine = setup({
  types: {
    input: {} as AgentSessionInput,
    context: {} as { input: AgentSessionInput; heard: AgentSessionEvent[]; output: AgentSessionOutput | null },
    events: {} as HostEvent,
  },
  actors: { agentSession },
  actions: {
    hear: assign({
      heard: ({ context, event }) => [...context.heard, event as AgentSessionEvent],
    }),
    crash: () => {
      throw new Error('the host crashed');
    },
  },
}).createMachine({
  id: 'host',
  context: ({ input }) => ({ input, heard: [], output: null }),
  initial: 'calling',
  on: { 'session.*': { actions: 'hear' }, 'host.crash': { actions: 'crash' } },
  states: {
    calling: {
      invoke: {
        id: 'call',
        src: 'agentSession',
        input: ({ context }) => context.input,
        onDone: { target: 'over', actions: assign({ output: ({ event }) => event.output }) },
      },
      on: {
        'host.ask': { actions: sendTo('call', ({ event }) => event.command) },
        'host.leave': 'elsewhere',
      },
    },
    elsewhere: {},
    over: {},
  },
});

function startHost({ input, clock }: Stage) {
  const host = createActor(hostMachine, { input, clock });
  host.subscribe({ error: () => {} });
  host.start();
  const { call } = host.getSnapshot().children;
  if (call === undefined) throw new Error('the host has no call');
  const heard = () => host.getSnapshot().context.heard.map(({ type }) => type);
  return { host, call, heard };
}

process.on('uncaughtException', note);
process.on('unhandledRejection', note);
afterEach(() => {
  expect(uncaught.splice(0)).toEqual([]);
});

describe('a call in the machine of a host', () => {
  test('starts, is mirrored, takes commands in any state, and ends done with the reason', async () => {
    const on = stage();
    const { host, call, heard } = startHost(on);
    host.send({ type: 'host.ask', command: { type: 'session.say', text: 'Welcome.' } });
    expect(call.getSnapshot().context).toMatchObject({ state: 'connecting', tags: ['connecting'], sessionId: /^sess/ });
    await on.clock.advance(100);
    expect(heard().slice(0, 2)).toEqual(['session.state_changed', 'session.started']);
    expect(call.getSnapshot().context.tags).toContain('replying');
    await on.clock.advance(5_000);
    expect(call.getSnapshot().context).toMatchObject({ state: 'idle', tags: ['live'], turns: 1 });
    host.send({ type: 'host.ask', command: { type: 'session.sendText', text: 'hi' } });
    await on.clock.advance(5_000);
    expect(sessionOf(call)?.history.map((item) => ('text' in item ? item.text : item.type))).toEqual([
      'Welcome.',
      'hi',
      'You said hi',
    ]);
    host.send({ type: 'host.ask', command: { type: 'session.close', reason: 'enough' } });
    await on.clock.advance(2_000);
    expect(host.getSnapshot()).toMatchObject({ value: 'over', context: { output: { reason: 'enough' } } });
    expect(call.getSnapshot()).toMatchObject({
      status: 'done',
      context: { state: 'closed', tags: ['over'], reason: 'enough', turns: 2 },
    });
    expect(heard().at(-1)).toBe('session.stopped');
    expect(on.runtime.sessions).toEqual([]);
  });

  test('the parent hears every event of the session once, in order', async () => {
    const on = stage();
    const { host, call, heard } = startHost(on);
    const direct: string[] = [];
    sessionOf(call)?.onAny((name) => direct.push(`session.${name.replace('session_', '')}`));
    const emitted: string[] = [];
    call.on('*', (event) => emitted.push(event.type));
    host.send({ type: 'host.ask', command: { type: 'session.sendText', text: 'hi' } });
    await on.clock.advance(5_000);
    on.user.hangUp();
    await on.clock.advance(2_000);
    expect(direct).toContain('session.turn_completed');
    expect(heard()).toEqual(direct);
    expect(emitted).toEqual(direct);
    expect(host.getSnapshot().context.output).toEqual({ reason: 'the user hung up' });
  });

  test('whoever hears of a change reads a snapshot that has it', async () => {
    const on = stage();
    const seen: (readonly [string, string])[] = [];
    const host = createActor(
      hostMachine.provide({
        actions: {
          hear: ({ event, self }) => {
            if (event.type !== 'session.state_changed') return;
            const children: Record<string, AnyActorRef | undefined> = self.getSnapshot().children;
            seen.push([event.toState, children.call?.getSnapshot().value]);
          },
        },
      }),
      { input: on.input, clock: on.clock },
    ).start();
    host.send({ type: 'host.ask', command: { type: 'session.sendText', text: 'hi' } });
    await on.clock.advance(5_000);
    expect(seen.length).toBeGreaterThan(3);
    for (const [told, shown] of seen) expect(shown).toBe(told);
    host.stop();
    await on.clock.advance(2_000);
  });

  test('speech of the user shows in the mirror', async () => {
    const on = stage();
    const { host, call } = startHost(on);
    await on.clock.advance(100);
    on.user.speak('Hello there', { durationMs: 1_000 });
    await on.clock.advance(500);
    expect(call.getSnapshot().context).toMatchObject({ state: 'listening', userState: 'speaking' });
    await on.clock.advance(6_000);
    expect(call.getSnapshot().context).toMatchObject({ state: 'idle', turns: 1 });
    host.stop();
    await on.clock.advance(2_000);
    expect(on.runtime.sessions).toEqual([]);
  });

  test('a refused command comes back as session.error and changes nothing', async () => {
    const on = stage();
    const { host, call } = startHost(on);
    await on.clock.advance(100);
    host.send({ type: 'host.ask', command: { type: 'session.sendText', text: '  ' } });
    host.send({ type: 'host.ask', command: { type: 'session.updateAgent', agent: null as never } });
    host.send({ type: 'host.ask', command: { type: 'session.unheardOf' } as never });
    expect(host.getSnapshot().context.heard.filter(({ type }) => type === 'session.error')).toMatchObject([
      { code: 'ERR_TEXT', part: 'command' },
      { code: 'ERR_OPTION', part: 'command' },
    ]);
    expect(call.getSnapshot().status).toBe('active');
    host.stop();
    await on.clock.advance(2_000);
  });

  test('snapshots are plain JSON', async () => {
    const on = stage();
    const { host, call } = startHost(on);
    const check = () =>
      expect(JSON.parse(JSON.stringify(call.getPersistedSnapshot()))).toMatchObject({
        context: call.getSnapshot().context,
      });
    check();
    await on.clock.advance(5_000);
    check();
    host.send({ type: 'host.ask', command: { type: 'session.close' } });
    await on.clock.advance(2_000);
    check();
  });
});

describe('a call that cannot be started ends done with a code', () => {
  const refusing: Transport = { label: 'refusing', open: () => Promise.reject(new Error('no route')) };

  test.each<[string, () => Stage]>([
    ['ERR_MAX_SESSIONS', () => stage({ maxSessions: 0 })],
    ['ERR_TRANSPORT', () => stage({}, refusing)],
    ['ERR_REAL_IO', () => stage({ providers: {} })],
    ['ERR_OPTION', () => ({ ...stage(), input: { runtime: stage().runtime } as AgentSessionInput })],
    ['ERR_OPTION', () => ({ ...stage(), input: undefined as never })],
    ['ERR_OPTION', () => ({ ...stage(), input: { ...stage().input, options: { awayMs: -1 } } })],
  ])('%s', async (code, make) => {
    const on = make();
    const host = createActor(hostMachine, { input: on.input, clock: on.clock }).start();
    await on.clock.advance(60_000);
    expect(host.getSnapshot().value).toBe('over');
    expect(host.getSnapshot().context.output).toMatchObject({ reason: code, error: { code, message: /./ } });
    expect(on.runtime.sessions).toEqual([]);
  });

  test('an agent that was destroyed', async () => {
    const on = stage();
    await on.input.agent.destroy();
    const { host } = startHost(on);
    await on.clock.advance(100);
    expect(host.getSnapshot().context.output).toMatchObject({ reason: 'ERR_AGENT_STATE' });
  });
});

describe('a host that goes away takes the call with it', () => {
  const midCall = async () => {
    const on = stage();
    const { host, call } = startHost(on);
    await on.clock.advance(100);
    host.send({ type: 'host.ask', command: { type: 'session.sendText', text: 'a question' } });
    await on.clock.advance(450);
    const session = sessionOf(call);
    expect(session?.state).toBe('responding');
    return { on, host, call, session };
  };

  test('its state is left', async () => {
    const { on, host, call, session } = await midCall();
    host.send({ type: 'host.leave' });
    expect(call.getSnapshot().status).toBe('stopped');
    await on.clock.advance(2_000);
    expect(session?.state).toBe('closed');
    expect(on.runtime.sessions).toEqual([]);
  });

  test('it is stopped', async () => {
    const { on, host, session } = await midCall();
    host.stop();
    await on.clock.advance(2_000);
    expect(session?.state).toBe('closed');
    expect(on.runtime.sessions).toEqual([]);
  });

  test('it crashes, which leaves its children running', async () => {
    const { on, host, call, session } = await midCall();
    host.send({ type: 'host.crash' });
    expect(host.getSnapshot().status).toBe('error');
    expect(call.getSnapshot().status).toBe('stopped');
    await on.clock.advance(2_000);
    expect(session?.state).toBe('closed');
    expect(on.runtime.sessions).toEqual([]);
  });

  test('an actor further up crashes', async () => {
    const on = stage();
    const grandparent = setup({
      types: { input: {} as AgentSessionInput, context: {} as { input: AgentSessionInput } },
      actors: { hostMachine },
      actions: {
        crash: () => {
          throw new Error('far above');
        },
      },
    }).createMachine({
      context: ({ input }) => ({ input }),
      invoke: { src: 'hostMachine', id: 'host', input: ({ context }) => context.input },
      on: { crash: { actions: 'crash' } },
    });
    const root = createActor(grandparent, { input: on.input, clock: on.clock });
    root.subscribe({ error: () => {} });
    root.start();
    await on.clock.advance(500);
    expect(on.runtime.sessions).toHaveLength(1);
    root.send({ type: 'crash' });
    await on.clock.advance(2_000);
    expect(on.runtime.sessions).toEqual([]);
  });

  test('before the call was up', async () => {
    const on = stage();
    const { host } = startHost(on);
    host.stop();
    await on.clock.advance(2_000);
    expect(on.runtime.sessions).toEqual([]);
    expect(on.user.transport.isOpen).toBe(false);
  });

  test('nothing of it is left: actors, timers, connection', async () => {
    const { on, host } = await midCall();
    host.stop();
    on.user.dispose();
    await on.clock.advance(5_000);
    expect(on.user.transport.isOpen).toBe(false);
    expect(on.clock.pendingTimers).toBe(0);
    expect(on.runtime.registry.size).toBe(stage().runtime.registry.size);
  });

  test('the error of a crashed host is reported as if no call had watched it', async () => {
    const on = stage();
    const second = new LoopbackUser({ clock: on.clock });
    const both = setup({
      types: { input: {} as AgentSessionInput, context: {} as { input: AgentSessionInput } },
      actors: { agentSession },
      actions: {
        crash: () => {
          throw new Error('seen by the process');
        },
      },
    }).createMachine({
      context: ({ input }) => ({ input }),
      invoke: [
        { src: 'agentSession', id: 'a', input: ({ context }) => context.input },
        { src: 'agentSession', id: 'b', input: ({ context }) => ({ ...context.input, transport: second.transport }) },
      ],
      on: { crash: { actions: 'crash' } },
    });
    const root = createActor(both, { input: on.input, clock: on.clock }).start();
    await on.clock.advance(100);
    expect(on.runtime.sessions).toHaveLength(2);
    root.send({ type: 'crash' });
    await new Promise((resolve) => setTimeout(resolve));
    expect(uncaught.splice(0)).toEqual([new Error('seen by the process')]);
    await on.clock.advance(2_000);
    expect(on.runtime.sessions).toEqual([]);
  });
});

describe('hostile company', () => {
  test('listeners that throw are reported and change nothing', async () => {
    const on = stage();
    const { host, call } = startHost(on);
    call.on('*', () => {
      throw new Error('listener');
    });
    call.subscribe(() => {
      throw new Error('observer');
    });
    host.send({ type: 'host.ask', command: { type: 'session.sendText', text: 'hi' } });
    await on.clock.advance(5_000);
    expect(call.getSnapshot().context.turns).toBe(1);
    expect(new Set(on.problems.map(({ error }) => (error as Error).message))).toEqual(
      new Set(['listener', 'observer']),
    );
    host.stop();
    await on.clock.advance(2_000);
  });

  test('a host that closes the runtime while it hears an event still gets its end, and no warning of xstate', async () => {
    const warned = vi.spyOn(console, 'warn').mockReturnValue();
    const on = stage();
    const host = createActor(
      hostMachine.provide({
        actions: {
          hear: ({ event }) => {
            if (event.type === 'session.speaking_started') void on.runtime.close();
          },
        },
      }),
      { input: on.input, clock: on.clock },
    ).start();
    host.send({ type: 'host.ask', command: { type: 'session.sendText', text: 'hi' } });
    await on.clock.advance(5_000);
    expect(host.getSnapshot()).toMatchObject({ value: 'over', context: { output: { reason: 'runtime closed' } } });
    expect(warned).not.toHaveBeenCalled();
    warned.mockRestore();
  });

  test('events that look like internal ones are ignored', async () => {
    const on = stage();
    const { host, call } = startHost(on);
    await on.clock.advance(100);
    for (const type of ['session.over', 'session.told', 'session.made', 'session.up', 'other'])
      call.send({ type } as never);
    expect(call.getSnapshot().status).toBe('active');
    host.stop();
    await on.clock.advance(2_000);
  });
});

describe('a persisted call', () => {
  test('is over when it is restored, and its host hears so', async () => {
    const on = stage();
    const { host } = startHost(on);
    await on.clock.advance(500);
    const persisted = host.getPersistedSnapshot();
    host.stop();
    await on.clock.advance(2_000);
    const restored = createActor(hostMachine, { input: on.input, snapshot: persisted, clock: on.clock }).start();
    await on.clock.advance(10);
    expect(restored.getSnapshot()).toMatchObject({
      value: 'over',
      context: { output: { reason: 'the call ended with the process that held it' } },
    });
    expect(on.runtime.sessions).toEqual([]);
  });
});

test('a call can be a root of its own', async () => {
  const on = stage();
  const call = createActor(agentSession, { input: on.input }).start();
  const states: string[] = [];
  call.on('session.state_changed', ({ toState }) => states.push(toState));
  call.send({ type: 'session.generateReply' });
  await on.clock.advance(5_000);
  call.send({ type: 'session.close' });
  await on.clock.advance(2_000);
  expect(call.getSnapshot()).toMatchObject({ status: 'done', output: { reason: 'closed by the host' } });
  expect(states.slice(0, 2)).toEqual(['idle', 'thinking']);
});

describe('whatever happens to a call', () => {
  const steps = {
    say: ({ host }) => host.send({ type: 'host.ask', command: { type: 'session.say', text: 'one two three' } }),
    ask: ({ host }) => host.send({ type: 'host.ask', command: { type: 'session.sendText', text: 'why?' } }),
    nothing: ({ host }) => host.send({ type: 'host.ask', command: { type: 'session.sendText', text: '' } }),
    reply: ({ host }) => host.send({ type: 'host.ask', command: { type: 'session.generateReply' } }),
    interrupt: ({ host }) => host.send({ type: 'host.ask', command: { type: 'session.interrupt' } }),
    commit: ({ host }) => host.send({ type: 'host.ask', command: { type: 'session.commitTurn' } }),
    clear: ({ host }) => host.send({ type: 'host.ask', command: { type: 'session.clearTurn' } }),
    speak: ({ on }) => on.user.speak('hello there', { durationMs: 400 }),
    hangUp: ({ on }) => on.user.hangUp(),
    killChart: ({ session, on }) => crash(on.runtime.registry.whereis(`${session?.sessionId}/conversation`)),
    killStt: ({ session, on }) => crash(on.runtime.registry.whereis(`${session?.sessionId}/stt`)),
    close: ({ host }) => host.send({ type: 'host.ask', command: { type: 'session.close' } }),
    leave: ({ host }) => host.send({ type: 'host.leave' }),
    crash: ({ host }) => host.send({ type: 'host.crash' }),
  } satisfies Record<
    string,
    (all: ReturnType<typeof startHost> & { on: Stage; session: AgentSession | undefined }) => void
  >;
  const names = Object.keys(steps) as (keyof typeof steps)[]; // its own keys

  test('the mirror is right at every moment, there is one end, and nothing is left', async () => {
    const plan = fc.array(fc.tuple(fc.constantFrom(...names), fc.integer({ min: 0, max: 900 })), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(plan, async (taken) => {
        const on = stage();
        const all = { ...startHost(on), on, session: undefined as AgentSession | undefined };
        all.session = sessionOf(all.call);
        let ends = 0;
        all.call.subscribe({ complete: () => ends++ });
        for (const [name, waitMs] of taken) {
          if (all.host.getSnapshot().status !== 'active') break;
          steps[name](all);
          await on.clock.advance(waitMs);
          const { status, context } = all.call.getSnapshot();
          expect(status).not.toBe('error');
          if (status === 'active' && context.state !== 'connecting') expect(context.state).toBe(all.session?.state);
        }
        all.host.stop();
        on.user.dispose();
        await on.clock.advance(10_000);
        expect(ends).toBe(1);
        expect(on.runtime.sessions).toEqual([]);
        expect(on.clock.pendingTimers).toBe(0);
        await on.runtime.close();
      }),
      { numRuns: 150, seed: 1 },
    );
  }, 60_000);
});
