// What the synthetic user of the demo says, and what a healthy agent does with it.

/** One thing the user says, and what must come of it. */
export interface ScriptedTurn {
  /** Text and silences, in order. Each text is spoken in one go. */
  readonly says: readonly (string | { readonly pauseMs: number })[];
  /**
   * When the user begins: after the agent has fallen silent, or into its speech. Both count audio as it is played, in ms.
   */
  readonly begins: { readonly afterSilenceMs: number } | { readonly intoSpeechMs: number };
  /** Calls of this turn, in order, with the arguments the model must find. */
  readonly calls: readonly { readonly name: string; readonly arguments: { readonly location: string } }[];
  /** Words that the spoken reply must contain. */
  readonly replyHas: readonly string[];
  /** What the turn shows, one line for the terminal. */
  readonly shows: string;
}

/** The voice of the user. The agent speaks with another. */
export const USER_VOICE = 'rms';

/**
 * Sentences that the embedded recogniser understands in the user's voice every time; synthetic voices are harder for it
 * than people are, so other words may need a try or two.
 */
export const DEMO_SCRIPT: readonly ScriptedTurn[] = [
  {
    says: ['Hello there. Good morning.'],
    begins: { afterSilenceMs: 500 },
    calls: [],
    replyHas: ['Hello'],
    shows: 'a greeting',
  },
  {
    says: ['What is the weather like in London today?'],
    begins: { afterSilenceMs: 700 },
    calls: [{ name: 'get_weather', arguments: { location: 'London' } }],
    replyHas: ['London'],
    shows: 'one tool call',
  },
  {
    says: ['What is the weather in Paris, and what time is it in Tokyo?'],
    begins: { afterSilenceMs: 700 },
    calls: [
      { name: 'get_weather', arguments: { location: 'Paris' } },
      { name: 'get_time', arguments: { location: 'Tokyo' } },
    ],
    replyHas: ['Paris', 'Tokyo'],
    shows: 'two things at once: two tool calls in parallel',
  },
  {
    says: ['Please tell me a story about the ocean.'],
    begins: { afterSilenceMs: 700 },
    calls: [],
    replyHas: ['ocean'],
    shows: 'a long answer, to be interrupted',
  },
  {
    says: ['Stop, please. What time is it in London?'],
    begins: { intoSpeechMs: 1200 },
    calls: [{ name: 'get_time', arguments: { location: 'London' } }],
    replyHas: ['London'],
    shows: 'barge-in: the agent falls silent and answers the new question',
  },
  {
    says: ['I would like to know the weather in', { pauseMs: 900 }, 'Berlin, please.'],
    begins: { afterSilenceMs: 700 },
    calls: [{ name: 'get_weather', arguments: { location: 'Berlin' } }],
    replyHas: ['Berlin'],
    shows: 'a pause in mid-sentence that does not end the turn',
  },
  {
    says: ['Thank you for your help. Goodbye.'],
    begins: { afterSilenceMs: 700 },
    calls: [],
    replyHas: ['Goodbye'],
    shows: 'a goodbye',
  },
];
