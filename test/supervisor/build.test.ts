import { expect, test, vi } from 'vitest';
import { createActor, fromTransition } from 'xstate';

test('this project runs on the build of xstate that it is named after', () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
  const actor = createActor(fromTransition((state: null) => state, null)).start();
  actor.stop();
  actor.send({ type: 'late' });
  // Only the development build warns about events to actors that have ended.
  expect(warn.mock.calls.length > 0 ? 'development' : 'production').toBe(process.env.XSTATE_BUILD);
  warn.mockRestore();
});
