// A call that is handed to another agent: the reply in progress is the old agent's to its end, the next one is the new agent's.
import { expect, test } from 'vitest';
import { Agent } from '../../src/index.ts';
import { ScriptedLlm, ScriptedTts, startTestCall, type TestCall, VirtualClock } from '../../src/testing/index.ts';
import { tool } from '../../src/tools/index.ts';

const look = tool({ name: 'look', description: 'Looks.', execute: () => 'sunny' });

const instructionsOf = (llm: ScriptedLlm) => llm.requests.map(({ messages }) => messages[0]?.content);
const outputs = (call: TestCall) =>
  call.session.history.flatMap((item) => (item.type === 'toolOutput' ? [item.output] : []));

test('a reply that calls a tool when the call was handed over is ended by the agent that began it', async () => {
  const call = await startTestCall({
    agent: { instructions: 'You are A.', tools: [look] },
    answers: {
      Hello: { calls: [{ name: 'look' }], firstTokenMs: 1_000, durationMs: 1_000 },
      sunny: { text: 'It is sunny.' },
    },
  });
  const theirs = new ScriptedLlm({ clock: call.clock, answers: { Bye: { text: 'Goodbye.' } } });
  call.user.type('Hello');
  await call.until(500);
  call.session.updateAgent(new Agent({ instructions: 'You are B.', llm: theirs }));
  expect(call.session.agent.instructions).toBe('You are B.');
  await call.until(5_000);
  expect(outputs(call)).toEqual(['sunny']);
  expect(instructionsOf(call.llm)).toEqual(['You are A.', 'You are A.']);
  expect(instructionsOf(theirs)).toEqual([]);
  call.user.type('Bye');
  await call.until(10_000);
  expect(instructionsOf(theirs)).toEqual(['You are B.']);
  expect(call.session.history.map((item) => ('text' in item ? item.text : item.type))).toEqual([
    'Hello',
    'agentHandoff',
    'toolCall',
    'toolOutput',
    'It is sunny.',
    'Bye',
    'Goodbye.',
  ]);
  await call.end();
});

test('a tool hands the call over through its session: it answers itself, and the new agent speaks next', async () => {
  const next = new Agent({ instructions: 'You are B.' });
  const transfer = tool({
    name: 'transfer',
    description: 'Hands over.',
    execute: (_, { session }) => {
      session.updateAgent(next);
      return 'done';
    },
  });
  const call = await startTestCall({
    agent: { instructions: 'You are A.', tools: [transfer] },
    answers: {
      Hello: { calls: [{ name: 'transfer' }] },
      done: { text: 'I hand you over.' },
      Hi: { text: 'B here.' },
    },
  });
  call.user.type('Hello');
  await call.until(5_000);
  call.user.type('Hi');
  await call.until(10_000);
  expect(instructionsOf(call.llm)).toEqual(['You are A.', 'You are A.', 'You are B.']);
  expect(call.session.agent).toBe(next);
  await call.end();
});

test("an agent without a model of its own has the runtime's, whatever the one before it had", async () => {
  const clock = new VirtualClock();
  const own = new ScriptedLlm({ clock });
  const call = await startTestCall({ clock, agent: { instructions: 'You are A.', llm: own } });
  call.session.updateAgent(new Agent({ instructions: 'You are B.' }));
  call.user.type('Hello');
  await call.until(2_000);
  expect([instructionsOf(own), instructionsOf(call.llm)]).toEqual([[], ['You are B.']]);
  await call.end();
});

test('a second attempt is made by the agent of the first', async () => {
  let attempts = 0;
  const call = await startTestCall({
    agent: { instructions: 'You are A.' },
    otherwise: () => (++attempts === 1 ? { error: new Error('boom'), firstTokenMs: 1_000 } : { text: 'Hi.' }),
  });
  call.user.type('Hello');
  await call.until(500);
  call.session.updateAgent(new Agent({ instructions: 'You are B.' }));
  await call.until(5_000);
  expect(instructionsOf(call.llm)).toEqual(['You are A.', 'You are A.']);
  await call.end();
});

test('an agent with a voice, ears or a turn detector of its own is refused: the session keeps those it has', async () => {
  const call = await startTestCall();
  const before = call.session.agent;
  const others = {
    tts: new ScriptedTts(),
    stt: { ...call.stt, open: () => call.stt.open },
    vad: { ...call.vad, open: () => call.vad.open },
    turnDetector: { label: 'other', predict: () => 1 },
  };
  for (const [name, provider] of Object.entries(others)) {
    const agent = new Agent({ [name]: provider });
    expect(() => call.session.updateAgent(agent)).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION', field: `agent.${name}` }),
    );
    expect([call.session.agent, agent.state]).toEqual([before, 'configured']);
  }
  call.session.updateAgent(new Agent({ tts: call.tts, stt: call.stt, vad: call.vad, turnDetector: null }));
  expect(call.session.agent).not.toBe(before);
  await call.end();
});

test('a session that uses no voice takes an agent that has one', async () => {
  const call = await startTestCall({ options: { audio: false } });
  const agent = new Agent({ tts: new ScriptedTts() });
  call.session.updateAgent(agent);
  expect(call.session.agent).toBe(agent);
  await call.end();
});

test.each([{}, null, undefined, 'B'])('what is no agent is refused with a code: %o', async (bad) => {
  const call = await startTestCall();
  expect(() => call.session.updateAgent(bad as never)).toThrow(
    expect.objectContaining({ code: 'ERR_OPTION', field: 'agent', rule: 'must be an Agent' }),
  );
  await call.end();
});
