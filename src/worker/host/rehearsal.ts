// Scripted calls in a fresh host: the first callers find code that the engine has already compiled.
import { startTestCall } from '../../testing/test-call.ts';
import { tool } from '../../tools/index.ts';

/** The first takes about 55 ms of a processor, the fourth a fifth of that; from then on there is little left to compile. */
const CALLS = 6;
/** For each of the two things that the user says. */
const TURN_MS = 4_500;

/**
 * A greeting, a question that a tool answers, thanks over the end of the answer; on a virtual clock, without a room and
 * without the worker's own agent.
 * @returns the turns that were taken
 */
export async function rehearse(): Promise<number> {
  const lookUp = tool({ name: 'look_up', description: 'Looks it up.', execute: () => 'found' });
  const answers = { 'look it up': { calls: [{ name: 'look_up' }] }, found: { text: 'it was found. anything else?' } };
  let turns = 0;
  for (let seed = 1; seed <= CALLS; seed++) {
    const call = await startTestCall({ seed, agent: { instructions: 'You rehearse.', tools: [lookUp] }, answers });
    call.session.say('hello');
    for (const words of ['look it up', 'thank you that is all']) {
      call.user.speak(words);
      await call.clock.advance(TURN_MS);
    }
    await call.end();
    turns += call.log.filter(({ name }) => name === 'turn_completed').length;
  }
  return turns;
}
