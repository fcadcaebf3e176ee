// A language model of your own: everything an `Llm` has to do is in its `chat` method.
import { Agent, type ChatChunk, type ChatRequest, createRuntime, type Llm, LoopbackTransport } from 'livekitex-agent';

/** Answers every message backwards, word by word, as a remote model streams its tokens. */
class BackwardsLlm implements Llm {
  readonly label = 'backwards';

  async *chat({ messages, signal }: ChatRequest): AsyncGenerator<ChatChunk> {
    const said = messages.findLast(({ role }) => role === 'user')?.content ?? '';
    for (const word of said.split(' ').reverse()) {
      // The user interrupted, or the session is over: nobody listens any more.
      if (signal.aborted) return;
      yield { type: 'text', text: `${word} ` };
    }
    yield { type: 'usage', inputTokens: messages.length, outputTokens: said.length };
  }
}

const runtime = createRuntime({ providers: { llm: new BackwardsLlm() } });
const session = await runtime.startSession({ agent: new Agent({}), transport: new LoopbackTransport() });
await session.sendText('hello wonderful world');
for (const item of session.history) if ('text' in item) console.log(`${item.type}: ${item.text}`);
console.log(`${session.usage.outputTokens} output tokens`);
await runtime.close();
