import { describe, expect, it } from 'vitest';
import { transcriptTurnDetector } from '../../../src/providers/local/transcript-turn-detector.ts';
import { turnDetectorConformance } from '../../../src/testing/conformance/turn-detector.ts';

const detector = transcriptTurnDetector();
const isOver = (text: string) => detector.predict({ text, lastReply: '' }) >= 0.5;

describe('the transcript turn detector keeps the contract', () => {
  for (const { rule, run } of turnDetectorConformance(transcriptTurnDetector)) it(rule, run);
});

describe('the turn is over', () => {
  it.each([
    'what time is it?',
    'Please tell me what time it is',
    'the weather in Paris',
    'Hello.',
    'Yes.',
    'yes I do',
    'Where are you from?',
    'Turn the light on.',
    'Yes, I am.',
    'I think so.',
    'Thanks a lot!',
    'Thank you for your help, good-by.', // what recognizers write
    '"Stop."',
    '',
    '42',
    'Well.',
  ])('%j', (text) => expect(isOver(text)).toBe(true));
});

describe('more will come', () => {
  it.each([
    'what is the weather in',
    'What is the weather in.', // recognizers put a full stop behind any silence
    'I would like to know the',
    'I would like to know the.',
    'I would like to know the...',
    'and',
    'Can you tell me,',
    'What is the weather in Paris and',
    'My number is',
    'um',
    'I want to go to',
    'Tell me about the -',
  ])('%j', (text) => expect(isOver(text)).toBe(false));
});
