// Contract: is the user done? Judged on text while the silence grows.

export interface TurnDetectorInput {
  /** What the user said in this turn so far, partial words included. */
  readonly text: string;
  /** What the agent said last, or an empty string. */
  readonly lastReply: string;
}

export interface TurnDetector {
  readonly label: string;
  /**
   * Probability in 0..1 that the turn is over. At or above 0.5 the session waits `endpointing.minDelayMs`, below it
   * `endpointing.maxDelayMs`. Synchronous and cheap (it runs on the session's thread); a throw counts as 1.
   */
  predict(input: TurnDetectorInput): number;
}
