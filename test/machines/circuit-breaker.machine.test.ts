import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createActor, initialTransition, transition } from 'xstate';
import { getShortestPaths } from 'xstate/graph';
import { type CircuitBreakerEvent, circuitBreakerMachine } from '../../src/machines/circuit-breaker.machine.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';

const input = { name: 'get_weather', failureThreshold: 5, timeoutMs: 30_000, recoveryTimeMs: 60_000 };
const failed = (callId = 'call_1'): CircuitBreakerEvent => ({ type: 'tool.failed', callId });
const succeeded = (callId = 'call_1'): CircuitBreakerEvent => ({ type: 'tool.succeeded', callId });
const admitted = (callId: string): CircuitBreakerEvent => ({ type: 'tool.admitted', callId });
const released = (callId: string): CircuitBreakerEvent => ({ type: 'tool.released', callId });
const closed = 'closed';
/** The breaker is over: calls are let in because there is none. */
const forgotten = 'forgotten';
const ready = { halfOpen: 'ready' };
const probing = { halfOpen: 'probing' };

type Step = CircuitBreakerEvent | number;
const five = Array.from({ length: 5 }, () => failed());

const rows: readonly { rule: string; steps: readonly Step[]; state: unknown; admits: boolean }[] = [
  { rule: 'a new breaker is closed', steps: [], state: closed, admits: true },
  { rule: 'one failure less than the threshold keeps it closed', steps: five.slice(1), state: closed, admits: true },
  { rule: 'the threshold of failures in a row opens it', steps: five, state: 'open', admits: false },
  {
    rule: 'a success between failures forgets them',
    steps: [...five.slice(1), succeeded()],
    state: forgotten,
    admits: false,
  },
  {
    rule: 'failures are in a row while each comes within ten recovery times of the one before',
    steps: [failed(), 599_999, failed(), 599_999, failed(), 599_999, failed(), 599_999],
    state: closed,
    admits: true,
  },
  {
    rule: 'a tool that nobody calls any more is forgotten',
    steps: [...five.slice(1), 600_000],
    state: forgotten,
    admits: false,
  },
  {
    rule: 'so is one that nobody calls after its recovery time',
    steps: [...five, 60_000, 600_000],
    state: forgotten,
    admits: false,
  },
  { rule: 'it stays open until its recovery time', steps: [...five, 59_999], state: 'open', admits: false },
  { rule: 'it lets a probe in after its recovery time', steps: [...five, 60_000], state: ready, admits: true },
  {
    rule: 'calls that end while it is open change nothing',
    steps: [...five, succeeded('call_0'), failed('call_0'), 59_999],
    state: 'open',
    admits: false,
  },
  {
    rule: 'a second call is refused while the probe runs',
    steps: [...five, 60_000, admitted('probe')],
    state: probing,
    admits: false,
  },
  {
    rule: 'a probe that succeeds ends it: the tool is well',
    steps: [...five, 60_000, admitted('probe'), succeeded('probe')],
    state: forgotten,
    admits: false,
  },
  {
    rule: 'a probe that fails opens it for the whole recovery time',
    steps: [...five, 60_000, admitted('probe'), failed('probe'), 59_999],
    state: 'open',
    admits: false,
  },
  {
    rule: 'a probe that is cancelled leaves room for another one',
    steps: [...five, 60_000, admitted('probe'), released('probe')],
    state: ready,
    admits: true,
  },
  {
    rule: 'a probe that never reports counts as failed',
    steps: [...five, 60_000, admitted('probe'), 30_000],
    state: 'open',
    admits: false,
  },
  {
    rule: 'an older call cannot decide for the probe',
    steps: [...five, 60_000, admitted('probe'), succeeded('call_0'), failed('call_0'), released('call_0')],
    state: probing,
    admits: false,
  },
  {
    rule: 'an older call cannot close it without a probe',
    steps: [...five, 60_000, succeeded('call_0')],
    state: ready,
    admits: true,
  },
];

describe('circuitBreaker', () => {
  for (const { rule, steps, state, admits } of rows) {
    test(rule, async () => {
      const clock = new VirtualClock();
      const breaker = createActor(circuitBreakerMachine, { clock, input }).start();
      for (const step of steps) {
        if (typeof step === 'number') await clock.advance(step);
        else breaker.send(step);
      }
      expect(breaker.getSnapshot().value).toEqual(state);
      expect(breaker.getSnapshot().hasTag('admits')).toBe(admits);
      breaker.stop();
      expect(clock.pendingTimers).toBe(0);
    });
  }

  test('a threshold of one opens on the first failure', () => {
    const [start] = initialTransition(circuitBreakerMachine, { ...input, failureThreshold: 1 });
    expect(transition(circuitBreakerMachine, start, failed())[0].value).toBe('open');
  });

  test('the shortest paths reach every state', () => {
    const events = [
      failed('probe'),
      succeeded('probe'),
      admitted('probe'),
      released('probe'),
      { type: 'xstate.after.recoveryTime.circuitBreaker.open' },
      { type: 'xstate.after.memory.circuitBreaker.closed' },
      { type: 'xstate.after.probeTimeout.circuitBreaker.halfOpen.probing' },
    ];
    const paths = getShortestPaths(circuitBreakerMachine, {
      input: { ...input, failureThreshold: 2 },
      // The traversal needs the private events of the delays, which the public event type rightly hides.
      events: events as never[],
    });
    const reached = new Set(paths.map((path) => JSON.stringify(path.state.value)));
    expect([...reached].sort()).toEqual(
      [closed, forgotten, 'open', probing, ready].map((value) => JSON.stringify(value)).sort(),
    );
  });

  test('whatever happens, it never lets two probes in and always finds its way back', async () => {
    const call = fc.constantFrom('a', 'b', 'c');
    const step = fc.oneof(
      fc.record({ kind: fc.constant('ask' as const), callId: call }),
      fc.record({ kind: fc.constantFrom('tool.succeeded', 'tool.failed', 'tool.released'), callId: call }),
      fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 90_000 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const clock = new VirtualClock();
        const breaker = createActor(circuitBreakerMachine, { clock, input: { ...input, failureThreshold: 2 } }).start();
        for (const next of steps) {
          if (breaker.getSnapshot().status === 'done') break;
          const before = breaker.getSnapshot();
          if (next.kind === 'wait') await clock.advance('ms' in next ? next.ms : 0);
          else if ('callId' in next) {
            const type = next.kind === 'ask' ? 'tool.admitted' : next.kind;
            if (next.kind === 'ask' && !before.hasTag('admits')) continue;
            // The kinds drawn above are exactly the event types of the breaker.
            breaker.send({ type, callId: next.callId } as CircuitBreakerEvent);
          }
          const now = breaker.getSnapshot();
          const isProbing = now.matches({ halfOpen: 'probing' });
          expect(isProbing).toBe(now.context.probeCallId !== null);
          expect(now.hasTag('admits')).toBe(!isProbing && !now.matches('open') && now.status === 'active');
        }
        await clock.advance(input.timeoutMs + input.recoveryTimeMs);
        expect(breaker.getSnapshot().hasTag('admits') || breaker.getSnapshot().status === 'done').toBe(true);
        await clock.advance(10 * input.recoveryTimeMs);
        expect(breaker.getSnapshot().status).toBe('done');
        breaker.stop();
      }),
      { numRuns: 200 },
    );
  });
});
