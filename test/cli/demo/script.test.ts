import { describe, expect, it } from 'vitest';
import { timeIn, weatherIn } from '../../../src/cli/demo/city-facts.ts';
import { DEMO_SCRIPT, USER_VOICE } from '../../../src/cli/demo/script.ts';
import type { ChatMessage, ChatToolCall } from '../../../src/providers/llm.ts';
import { isFliteVoice } from '../../../src/providers/local/flite-voices.ts';
import { DEMO_INTENTS } from '../../../src/providers/local/intent-demo.ts';
import { intentLlm } from '../../../src/providers/local/intent-llm.ts';
import { transcriptTurnDetector } from '../../../src/providers/local/transcript-turn-detector.ts';

const tools = ['get_weather', 'get_time'].map((name) => ({
  name,
  description: name,
  parameters: { type: 'object', properties: { location: { type: 'string' } }, required: ['location'] },
}));

/** As the recogniser gives it: one text for each stretch of speech, with a full stop behind. */
const heard = (says: (typeof DEMO_SCRIPT)[number]['says']) =>
  says.flatMap((part) => (typeof part === 'string' ? [/[.?!]$/.test(part) ? part : `${part}.`] : []));

describe('the script of the demo', () => {
  it.each(DEMO_SCRIPT.map((turn) => [turn.shows, turn] as const))('%s', async (_shows, turn) => {
    const called: unknown[] = [];
    let text = '';
    const messages = heard(turn.says).map((content) => ({ role: 'user', content }) as const);
    const signal = new AbortController().signal;
    for await (const chunk of intentLlm().chat({ messages, tools, toolChoice: 'auto', signal })) {
      if (chunk.type === 'toolCall') called.push({ name: chunk.name, arguments: JSON.parse(chunk.arguments) });
      if (chunk.type === 'text') text += chunk.text;
    }
    expect(called).toEqual(turn.calls);
    if (turn.calls.length === 0) for (const word of turn.replyHas) expect(text).toContain(word);
  });

  it('runs as one conversation, tool outputs and the cut answer in the history', async () => {
    const model = intentLlm();
    const signal = new AbortController().signal;
    const messages: ChatMessage[] = [];
    const replies: string[] = [];
    for (const turn of DEMO_SCRIPT) {
      for (const content of heard(turn.says)) messages.push({ role: 'user', content });
      let text = '';
      for (let step = 0; step < 2; step++) {
        const toolCalls: ChatToolCall[] = [];
        for await (const chunk of model.chat({ messages, tools, toolChoice: 'auto', signal })) {
          if (chunk.type === 'text') text += chunk.text;
          if (chunk.type === 'toolCall') toolCalls.push(chunk);
        }
        if (toolCalls.length === 0) break;
        messages.push({ role: 'assistant', content: '', toolCalls });
        for (const { callId, name, arguments: written } of toolCalls) {
          const { location } = JSON.parse(written);
          const output = name === 'get_weather' ? weatherIn(location) : timeIn(location, 0);
          messages.push({ role: 'tool', callId, name, content: JSON.stringify(output), isError: false });
        }
      }
      for (const word of turn.replyHas) expect(text).toContain(word);
      expect(text).not.toMatch(/sorry|stand-in/);
      replies.push(text);
      // What was heard of the long answer until the user barged in.
      messages.push({ role: 'assistant', content: text.slice(0, 60) });
    }
    expect(replies.length).toBe(DEMO_SCRIPT.length);
    expect(messages.filter(({ role }) => role === 'tool').length).toBe(5);
  });

  it('holds the sentence open at the pause, and no other', () => {
    const detector = transcriptTurnDetector();
    for (const { says } of DEMO_SCRIPT) {
      const parts = heard(says);
      parts.forEach((text, i) => {
        const isOver = detector.predict({ text, lastReply: '' }) >= 0.5;
        expect(isOver, text).toBe(i === parts.length - 1);
      });
    }
  });

  it('has a long answer of about half a minute to barge into, and a voice that exists', () => {
    const ocean = DEMO_INTENTS.find(({ name }) => name === 'ocean');
    expect(ocean?.reply.split('. ').length).toBe(6);
    expect(isFliteVoice(USER_VOICE)).toBe(true);
  });
});

describe('what the tools of the demo know', () => {
  it('weather is the same on every call', () => {
    expect(weatherIn('Paris')).toEqual(weatherIn('Paris'));
    expect(weatherIn('Paris').temperatureC).toBeLessThan(28);
  });

  it.each([
    ['London', '3:42 PM'],
    ['Tokyo', '12:42 AM'],
    ['San Francisco', '7:42 AM'],
    ['new york', '10:42 AM'],
  ])('time in %s', (city, time) => {
    expect(timeIn(city, Date.UTC(2026, 0, 5, 15, 42)).time).toBe(time);
  });

  it('an unknown place is an error, not a guess', () => {
    expect(() => timeIn('Springfield', 0)).toThrow('no time zone');
    expect(() => timeIn('', 0)).toThrow('no time zone');
  });
});
