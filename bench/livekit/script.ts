// What users and agents of this bench do, the same for both sides.

/** Length of what a user says. Accepted by the source in one piece, so that its end is known to the source's own 10 ms. */
export const SPEECH_MS = 800;
/** Length of an answer that nobody interrupts. */
export const ANSWER_MS = 1_500;
/** Voice after which speech is taken for speech. */
export const VOICED_MS = 100;
/** Silence after which a turn is over; taken off the latency of answers. */
export const SILENCE_MS = 300;
/** Voice that interrupts an answer; taken off the latency of barge-ins. */
export const INTERRUPTION_MS = 200;
/** How much of an answer is heard before the user speaks over it. */
export const BARGE_IN_AFTER_MS = 500;
/** Quiet between the end of an answer and the next speech. */
export const PAUSE_MS = 400;
/** Without an answer for this long after it was due, the user goes on. */
export const PATIENCE_MS = 3_000;

/** Every third turn is spoken over the answer to the one before it. */
export const isBargeIn = (turn: number) => turn % 3 === 2;

/** Microphone format of the agents. */
export const HEARD_RATE_HZ = 16_000;
/** Voice format of the agents. */
export const VOICE_RATE_HZ = 24_000;
/** The agents write their voice in pieces of this length. */
export const PIECE_MS = 100;
