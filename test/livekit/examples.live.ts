import { afterEach, expect, inject, test } from 'vitest';
import { AS_INSTALLED } from '../as-installed.ts';
import { ROOT } from '../snippets.ts';
import { dispatchClient } from './api-clients.ts';
import { RemoteUser } from './remote-user.ts';
import { type TokenOptions, tokenFor } from './tokens.ts';
import type { UserReport } from './user-protocol.ts';
import { WorkerProcess } from './worker-process.ts';

let worker: WorkerProcess;
let user: RemoteUser;
afterEach(async () => {
  await user?.end();
  await worker?.end();
});

/** A user in a new room, and the worker of an example, which knows nothing of tests. */
async function start(file: string, options: Omit<TokenOptions, 'identity' | 'room'> = {}) {
  const access = inject('livekit');
  const room = `example-${process.pid}-${Math.random()}`;
  worker = new WorkerProcess({
    access,
    agentName: 'given by the example',
    file: `${ROOT}/examples/livekit/${file}`,
    args: ['--ignore-load'],
    env: { NODE_OPTIONS: ['--disable-warning=ExperimentalWarning', ...AS_INSTALLED].join(' ') },
  });
  await worker.registered();
  user = new RemoteUser();
  await user.join(access.url, await tokenFor(access, { identity: 'user', room, ...options }));
  return room;
}

const says = (text: string) => (report: UserReport) =>
  report.type === 'transcript' && report.identity !== 'user' && report.isClosed && report.text.includes(text);

test('worker.ts comes into a room that nobody dispatched it to, greets, and calls its tools', async () => {
  await start('worker.ts');
  await user.until(says('Ask me for the weather'), { limitMs: 20_000, what: 'the greeting' });
  user.send({ type: 'type', text: 'What is the weather in Paris?' });
  await user.until(says('In Paris it is sunny, with 21 degrees.'), { limitMs: 20_000, what: 'the answer' });
  await worker.until('tool called');
  expect(worker.said('tool called').map(({ toolName }) => toolName)).toEqual(['get_weather']);
  user.send({ type: 'leave' });
  expect(await worker.until('call over')).toMatchObject({ reason: 'the user left' });
}, 60_000);

test('phone.ts answers a call by name, hears its keys, and hangs up', async () => {
  const caller = { kind: 'sip', attributes: { 'sip.callStatus': 'active' } } as const;
  const room = await start('phone.ts', caller);
  await dispatchClient(inject('livekit')).createDispatch(room, 'phone-menu');
  await user.until(says('You are talking to a machine.'), { limitMs: 20_000, what: 'the menu' });
  user.send({ type: 'press', code: 0, digit: '0' });
  await user.until(says('nobody is here'), { limitMs: 20_000, what: 'that there is no operator' });
  user.send({ type: 'press', code: 9, digit: '9' });
  await user.until(({ type }) => type === 'left', { what: 'the end of the call' });
}, 60_000);
