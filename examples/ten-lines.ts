// An agent with two tools, a call, and one thing said to it. Offline; no speech model is fetched, since nobody speaks.
import { Agent, createRuntime, LoopbackTransport, tool } from 'livekitex-agent';

const parameters = { type: 'object', properties: { location: { type: 'string' } } } as const;
const weather = tool({ name: 'get_weather', description: 'Weather', parameters, execute: () => 'It is sunny' });
const time = tool({ name: 'get_time', description: 'Time', parameters, execute: () => 'It is nine in the evening' });
const agent = new Agent({ instructions: 'Be brief.', tools: [weather, time] });
const session = await createRuntime().startSession({ agent, transport: new LoopbackTransport() });
session.on('response_generated', ({ text }) => console.log(`agent: ${text}`));
session.on('session_error', ({ code, message }) => console.error(code, message));
await session.sendText('What is the weather in Paris, and what time is it in Tokyo?');
await session.close();
