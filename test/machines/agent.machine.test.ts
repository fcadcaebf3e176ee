import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { initialTransition, transition } from 'xstate';
import { type AgentLifeEvent, agentMachine } from '../../src/machines/agent.machine.ts';

type Command = AgentLifeEvent['type'];

function agentAfter(commands: readonly Command[]) {
  let [snapshot] = initialTransition(agentMachine);
  for (const type of commands) [snapshot] = transition(agentMachine, snapshot, { type });
  return snapshot;
}

const used = ['agent.configure', 'agent.startSession'] as const;
const rested = [...used, 'agent.stopSession'] as const;
const rows: readonly [rule: string, commands: readonly Command[], state: string, sessions: number][] = [
  ['a new agent is created', [], 'created', 0],
  ['configuring it makes it ready', ['agent.configure'], 'configured', 0],
  ['an agent that is not configured starts no session', ['agent.startSession'], 'created', 0],
  ['its first session makes it active', used, 'active', 1],
  ['it counts the sessions that use it', [...used, 'agent.startSession'], 'active', 2],
  ['it stays active until its last session ends', [...used, 'agent.startSession', 'agent.stopSession'], 'active', 1],
  ['the end of its last session makes it inactive', rested, 'inactive', 0],
  ['a restart makes it active again', [...rested, 'agent.restart'], 'active', 1],
  ['a new session makes it active again', [...rested, 'agent.startSession'], 'active', 1],
  ['a restart of an agent that was never used does nothing', ['agent.configure', 'agent.restart'], 'configured', 0],
  ['a second end of the same session does nothing', [...rested, 'agent.stopSession'], 'inactive', 0],
  ['it cannot be configured twice', [...used, 'agent.configure'], 'active', 1],
  ['it can be destroyed before use', ['agent.destroy'], 'destroyed', 0],
  ['it can be destroyed while active', [...used, 'agent.destroy'], 'destroyed', 0],
  ['it can be destroyed while inactive', [...rested, 'agent.destroy'], 'destroyed', 0],
  ['a destroyed agent cannot be used again', [...rested, 'agent.destroy', 'agent.restart'], 'destroyed', 0],
];

describe('agent', () => {
  for (const [rule, commands, state, sessions] of rows) {
    test(rule, () => {
      const snapshot = agentAfter(commands);
      expect({ state: snapshot.value, sessions: snapshot.context.sessions }).toEqual({ state, sessions });
    });
  }

  test('a command that is not allowed can be told before it is sent', () => {
    const created = agentAfter([]);
    expect(created.can({ type: 'agent.startSession' })).toBe(false);
    expect(created.can({ type: 'agent.configure' })).toBe(true);
    expect(agentAfter(['agent.destroy']).can({ type: 'agent.restart' })).toBe(false);
  });

  test('it is active exactly while it has sessions', () => {
    const command = fc.constantFrom<Command>(
      'agent.configure',
      'agent.startSession',
      'agent.stopSession',
      'agent.restart',
    );
    fc.assert(
      fc.property(fc.array(command, { maxLength: 30 }), (commands) => {
        const { value, context } = agentAfter(commands);
        expect(value === 'active').toBe(context.sessions > 0);
      }),
    );
  });
});
