import { expect, test } from 'vitest';
import { Agent } from '../../src/index.ts';
import { LoopbackUser, startTestCall } from '../../src/testing/index.ts';

test('a session that is closed while it starts is over at once, and its start finds that out', async () => {
  const call = await startTestCall();
  const user = new LoopbackUser({ clock: call.clock });
  const agent = new Agent({});
  const session = call.runtime.createSession({ agent, transport: user.transport });
  const starting = session.start();
  const end = session.close('never mind');
  expect(session.state).toBe('closed');
  await expect(end).resolves.toEqual({ reason: 'never mind' });
  await expect(starting).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  await expect(session.start()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  expect(call.runtime.sessions).toEqual([call.session]);
  expect(user.transport.isOpen).toBe(false);
  expect(agent.state).toBe('configured');
  await call.end();
});
