// A telephone menu in LiveKit rooms: livekitex-agent start examples/livekit/phone.ts (LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET).
//
// Calls come in by a dispatch rule of livekit-sip that names the agent `phone-menu`. A dispatch with a telephone number
// as its metadata makes it call that number, by the trunk SIP_TRUNK_ID:
//
//   lk dispatch create --new-room --agent-name phone-menu --metadata +49301234567
//
// Whoever presses 0 is handed over to OPERATOR_NUMBER.
import { Agent, AgentError, type AgentSession, tool } from 'livekitex-agent';
import { defineWorker, type JobContext } from 'livekitex-agent/worker';

const { SIP_TRUNK_ID = '', OPERATOR_NUMBER = '' } = process.env;

const ENDS = new Set<string>(['ERR_SIP_CALL', 'ERR_TIMEOUT', 'ERR_CLOSED']);

const time = tool({
  name: 'get_time',
  description: 'What time it is',
  execute: () => `It is ${new Date().toLocaleTimeString('en-GB', { timeStyle: 'short' })}.`,
});

export default defineWorker({
  agentName: 'phone-menu',
  entry: async (job) => {
    await job.joinRoom();
    let caller = 'caller';
    try {
      if (job.metadata === '') caller = (await job.waitForParticipant()).identity;
      // Who is there already is not called again: this agent replaces one that died.
      else if (!job.participants.some(({ identity }) => identity === caller))
        await job.createSipParticipant({ identity: caller, trunkId: SIP_TRUNK_ID, to: job.metadata });
      // The session begins while it rings, since an incoming call is picked up when the agent has a track in the room. What is
      // said before somebody has answered is heard by nobody.
      const [session] = await Promise.all([
        job.startSession({
          agent: new Agent({ instructions: 'You answer the telephone. Be brief.', tools: [time] }),
          participant: caller,
        }),
        job.waitForAnswer(caller),
      ]);
      menu(job, session, caller);
    } catch (error) {
      // Declined, busy, not answered, hung up at once: an end like others, and no failure of the job.
      if (!(error instanceof AgentError && ENDS.has(error.code))) throw error;
      job.shutdown(error.message);
    }
  },
});

function menu(job: JobContext, session: AgentSession, caller: string): void {
  session.say('You are talking to a machine. Ask me for the time, press 0 for a person, or 9 to end the call.');
  // Keys do not disturb the conversation. The job lasts as long as its session, which ends when the caller hangs up.
  job.onDtmf(async ({ digit }) => {
    job.log.info({ digit }, 'key');
    if (digit === '9') await job.hangUp('the caller pressed 9');
    else if (digit !== '0') session.say('Press 0 for a person, or 9 to end the call.');
    else if (OPERATOR_NUMBER === '') session.say('I am sorry, nobody is here.');
    else await job.transferSipParticipant(caller, `tel:${OPERATOR_NUMBER}`);
  });
}
