// A conversation without sound: the words appear as they are written, and typing stops a reply. Offline; no ears and no
// voice are loaded. In a LiveKit room it is the same option: nothing is published, no microphone is taken.
import { Agent, createRuntime, LoopbackTransport } from 'livekitex-agent';

const runtime = createRuntime();
const transport = new LoopbackTransport();
const agent = new Agent({ instructions: 'Be brief.' });
const session = await runtime.startSession({ agent, transport, options: { audio: false } });
session.on('reply_heard', ({ text, isFinal }) => {
  if (isFinal) console.log(`agent: ${text}`);
});
session.on('session_error', ({ code, message }) => console.error(code, message));

// Text of the host, shown as it is.
await session.say('Welcome. You are talking to a machine.');

// Text of the user, as a chat window would hand it over.
const answered = new Promise((resolve) => session.on('turn_completed', resolve));
transport.sendText('Tell me about the moon');
await answered;

console.log(`${session.history.length} entries, ended: ${(await session.close('read')).reason}`);
await runtime.close();
