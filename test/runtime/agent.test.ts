import { expect, test } from 'vitest';
import { seededIds } from '../../src/ids.ts';
import { Agent } from '../../src/runtime/agent.ts';
import { startTestCall } from '../../src/testing/index.ts';
import { tool } from '../../src/tools/index.ts';

const look = tool({ name: 'look', description: 'Looks.', execute: () => 'seen' });
const thrownBy = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    return error;
  }
};

test('an agent is configured by its options, or later', () => {
  const agent = new Agent(undefined, seededIds());
  expect([agent.state, agent.agentId]).toEqual(['created', 'agent_1']);
  expect(agent.configure({ instructions: 'Be kind.', tools: [look] }).state).toBe('configured');
  expect(agent.instructions).toBe('Be kind.');
  expect(agent.chatTools()).toMatchObject([{ name: 'look', description: 'Looks.' }]);
  expect(new Agent({ agentId: 'mine' })).toMatchObject({ state: 'configured', agentId: 'mine' });
});

test('it is active while a session uses it, can be used again, and is gone when it is destroyed', async () => {
  const call = await startTestCall();
  const { agent } = call.session;
  expect([agent.state, agent.sessions]).toEqual(['active', [call.session]]);
  expect(thrownBy(() => agent.configure({}))).toMatchObject({ code: 'ERR_AGENT_STATE', rule: 'must be created' });
  const stopped = agent.stopSession();
  await call.clock.advance(2_000);
  await stopped;
  expect(agent.state).toBe('inactive');
  const again = agent.restart(call.runtime, { transport: call.user.transport });
  await call.clock.settle();
  expect((await again).state).toBe('idle');
  const destroyed = agent.destroy();
  await call.clock.advance(2_000);
  await destroyed;
  expect(agent.state).toBe('destroyed');
  expect(agent.sessions).toEqual([]);
  await call.end();
});

test('bad options are refused with field and rule', () => {
  expect(thrownBy(() => new Agent({ llm: {} as never }))).toMatchObject({ code: 'ERR_OPTION' });
  expect(thrownBy(() => new Agent({ instructions: 5 as never }))).toMatchObject({ code: 'ERR_OPTION' });
  expect(thrownBy(() => new Agent({ tools: [look, look] }))).toMatchObject({ code: 'ERR_TOOL_DEFINITION' });
});

test('tools and instructions can change while it is used', async () => {
  const call = await startTestCall({ otherwise: () => ({ text: 'ok' }) });
  const { agent } = call.session;
  agent.addTool(look);
  agent.updateInstructions('Be brief.');
  call.user.type('Hello');
  await call.until(3_000);
  expect(call.llm.requests.at(-1)).toMatchObject({
    messages: [{ role: 'system', content: 'Be brief.' }, { content: 'Hello' }],
    tools: [{ name: 'look' }],
  });
  expect([agent.removeTool('look'), agent.removeTool('look')]).toEqual([true, false]);
  await call.end();
});
