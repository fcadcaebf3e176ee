// Answers calls of a LiveKit server: livekitex-agent start examples/livekit/worker.ts (LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET).
//
// Try it on one machine. No key of anybody is needed: voice, recognition and the stand-in for a model are embedded.
//
//   livekit-server --dev        # https://github.com/livekit/livekit/releases, or `brew install livekit`
//   export LIVEKIT_URL=ws://127.0.0.1:7880 LIVEKIT_API_KEY=devkey LIVEKIT_API_SECRET=secret
//   npx livekitex-agent models pull
//   npx livekitex-agent start examples/livekit/worker.ts --log-format pretty
//
// Then join a room with any LiveKit front end, for instance the tab "Custom" of https://meet.livekit.io, with the address
// ws://localhost:7880 and a token:
//
//   lk token create --api-key devkey --api-secret secret --join --room hello --identity me --valid-for 24h
//
// Ask it for the weather in a city, or for the time. Ctrl-C waits for the running calls; a second one ends them.
import { Agent, tool } from 'livekitex-agent';
import { defineWorker } from 'livekitex-agent/worker';

const parameters = { type: 'object', properties: { location: { type: 'string' } }, required: ['location'] } as const;
const weather = tool({
  name: 'get_weather',
  description: 'The weather in a city',
  parameters,
  execute: ({ location }) => `In ${location} it is sunny, with 21 degrees.`,
});
const time = tool({
  name: 'get_time',
  description: 'What time it is',
  execute: () => `It is ${new Date().toLocaleTimeString('en-GB', { timeStyle: 'short' })} where I am.`,
});

export default defineWorker({
  // Without `agentName` the server gives it every new room. With a name it comes where it is asked for: by
  // `lk dispatch create --room hello --agent-name front-desk`, or by the room configuration of a token.
  maxJobs: 20,
  entry: async (job) => {
    job.addShutdownCallback((reason) => job.log.info({ reason }, 'call over'));
    const session = await job.startSession({
      agent: new Agent({ instructions: 'You are a friendly receptionist. Be brief.', tools: [weather, time] }),
    });
    session.on('tool_called', ({ toolName }) => job.log.info({ toolName }, 'tool called'));
    // A room whose agent died gets another one, which should not greet twice.
    if (!('livekitex.redispatch' in job.info.attributes))
      session.say('Hello! Ask me for the weather, or for the time.');
  },
});
