// The vocabulary: what charts say to each other, and what a session tells its listeners. JSON-safe, never binary.

/** Why a turn exists: an answer to the user, a reply the host asked for, given text, or the apology. */
export type TurnMode = 'reply' | 'request' | 'say' | 'fallback';

/** Names one incarnation of one turn; messages about any other are ignored. */
export interface TurnKey {
  readonly n: number;
  readonly attempt: number;
  readonly mode: TurnMode;
}

export type TurnPhase = 'thinking' | 'toolExecution' | 'responding' | 'speaking' | 'paused';

/** How a turn ended. `empty`: the model had nothing to say. */
export type TurnOutcome = 'completed' | 'empty' | 'interrupted' | 'failed' | 'abandoned';

export type CancelCause = 'voice' | 'text' | 'host' | 'closing';

/** The open turn as the ledger knows it. */
export interface TurnLevel extends TurnKey {
  readonly phase: TurnPhase;
  /** At least one sample of it reached the ear. */
  readonly heard: boolean;
  readonly cancelled: CancelCause | null;
  readonly outcome: TurnOutcome | null;
  /** It ended because a deadline passed; such a turn is not tried again. */
  readonly byDeadline: boolean;
  readonly allowInterruptions: boolean;
  /** Its first frame waits because the user is speaking. */
  readonly held: boolean;
  readonly lastProgressAtMs: number;
  /** The longest the turn itself waits in its present phase. */
  readonly deadlineMs: number;
}

/**
 * The truth about a session at the moment an event is handled, read from its ledger and links. Events are only hints:
 * every event that reaches the session chart carries a fresh reading (docs/adr/0002).
 */
export interface Levels {
  readonly atMs: number;
  readonly transport: 'pending' | 'up' | 'gone';
  readonly closing: { readonly reason: string; readonly sinceMs: number } | null;
  readonly userSpeaking: boolean;
  /**
   * The open utterance, or else the last one without its final, reached `interruption.minDurationMs` of voice. What was over
   * before the agent began its turn is not asked.
   */
  readonly sustained: boolean;
  /** Some of the open words were said with that much voice; those of such utterances do not count either. */
  readonly sustainedWords: boolean;
  /** One of the ended utterances without a final was sustained. */
  readonly endedSustained: boolean;
  /** End of the last voice, or null when nothing was said yet. */
  readonly lastVoiceAtMs: number | null;
  /** When the end of the last utterance was noticed, or null: from then on its recogniser can be late. */
  readonly speechEndedAtMs: number | null;
  /** Ended utterances whose final transcript is still to come. */
  readonly finalsOutstanding: number;
  /** Words said but not yet taken by a turn. */
  readonly openWords: number;
  /** Words of partial transcripts of utterances without a final. */
  readonly partialWords: number;
  /** The host asked to end the user's turn now. */
  readonly committed: boolean;
  /** How long to wait after the last voice, given the words so far. */
  readonly endpointingMs: number;
  /** Queued requests: texts and replies the host asked for. */
  readonly requests: number;
  /** A user item was committed and is still unanswered. */
  readonly owed: boolean;
  readonly sttFailed: boolean;
  /** The loudspeaker is worth pausing. */
  readonly canPause: boolean;
  readonly turn: TurnLevel | null;
}

/** Told by a monitor when a watched child ended, for whatever reason. */
export interface TurnDownEvent extends TurnKey {
  readonly type: 'child.down';
  readonly child: 'turn';
  readonly reason: 'completed' | 'empty' | 'interrupted' | 'failed' | 'crashed';
}

/** What the session chart hears. */
export type SessionEvent =
  | { readonly type: 'session.resumed' }
  | { readonly type: 'session.close' }
  | { readonly type: 'transport.opened' }
  | { readonly type: 'transport.closed' }
  | { readonly type: 'speech.started' }
  | { readonly type: 'speech.sustained' }
  | { readonly type: 'speech.ended' }
  | { readonly type: 'speech.discarded' }
  | { readonly type: 'transcript.updated' }
  | { readonly type: 'transcript.finalized' }
  | { readonly type: 'transcript.emptied' }
  | { readonly type: 'text.received' }
  | { readonly type: 'reply.requested' }
  | { readonly type: 'turn.commit' }
  | { readonly type: 'turn.clear' }
  | { readonly type: 'turn.interrupt' }
  | ({ readonly type: 'turn.phased' } & TurnKey)
  | ({ readonly type: 'turn.progressed' } & TurnKey)
  | TurnDownEvent;

/** What a turn chart hears. */
export type TurnEvent =
  | { readonly type: 'turn.cancel' }
  | { readonly type: 'reply.started' }
  | { readonly type: 'reply.progressed' }
  | { readonly type: 'playout.buffering' }
  | { readonly type: 'playout.held' }
  | { readonly type: 'playout.started' }
  | { readonly type: 'playout.progressed' }
  | { readonly type: 'playout.starved' }
  | { readonly type: 'playout.paused' }
  | { readonly type: 'playout.resumed' }
  | { readonly type: 'playout.drained' }
  | { readonly type: 'child.down'; readonly child: 'tool'; readonly callId: string; readonly openCalls: number };

/** What a pipeline chart hears. */
export type PipelineEvent =
  | { readonly type: 'pipeline.opened' }
  | { readonly type: 'pipeline.busied' }
  | { readonly type: 'pipeline.progressed' }
  | { readonly type: 'pipeline.rested' }
  /** The work was taken back, which tells nothing about the stream. */
  | { readonly type: 'pipeline.released' }
  | { readonly type: 'pipeline.failed' }
  | { readonly type: 'pipeline.stop' };

export type PipelineKind = 'vad' | 'stt' | 'tts' | 'playout';

/** State of a session as listeners see it. */
export type SessionState =
  | 'connecting'
  | 'idle'
  | 'listening'
  | 'processing'
  | 'thinking'
  | 'toolExecution'
  | 'responding'
  | 'speaking'
  | 'paused'
  | 'interrupted'
  | 'closing'
  | 'closed'
  | 'failed';

/** Where the time between the end of speech and the answer went, in milliseconds; null where a stage did not take part. */
export interface TurnLatency {
  /** Last voice -> turn committed. */
  readonly endpointingMs: number | null;
  /** Last voice -> final transcript. */
  readonly transcriptionMs: number | null;
  /** Turn committed -> first text of the model. */
  readonly firstTokenMs: number | null;
  /** First text -> first audio of the voice. */
  readonly firstAudioMs: number | null;
  /** Last voice -> first audio out. */
  readonly totalMs: number | null;
}

interface InSession {
  readonly sessionId: string;
}

/** Events of a session, by name. */
export interface SessionEventMap {
  session_started: InSession & { readonly agentId: string };
  session_stopped: InSession & { readonly reason: string; readonly durationMs: number };
  state_changed: InSession & { readonly fromState: SessionState; readonly toState: SessionState };
  user_state_changed: InSession & { readonly fromState: UserState; readonly toState: UserState };
  turn_started: InSession & { readonly turn: number; readonly mode: TurnMode; readonly attempt: number };
  turn_completed: InSession & {
    readonly turn: number;
    readonly mode: TurnMode;
    readonly outcome: TurnOutcome;
    readonly durationMs: number;
    readonly messageCount: number;
    readonly latency: TurnLatency;
  };
  /** The model finished one step of text; what was heard of it is in the history. */
  response_generated: InSession & { readonly turn: number; readonly text: string };
  /** Microphone audio since the last such event; at most two a second. */
  audio_received: InSession & { readonly sizeBytes: number; readonly durationMs: number };
  /** An image of the user's video was taken for the model. */
  video_received: InSession & {
    readonly source: 'camera' | 'screen';
    readonly sizeBytes: number;
    readonly widthPx: number;
    readonly heightPx: number;
  };
  stt_result: InSession & { readonly utterance: number; readonly text: string; readonly isFinal: boolean };
  /** The user pressed a key of the telephone: 0-9, *, # or A-D. The conversation goes on as it is. */
  dtmf_received: InSession & { readonly digit: string };
  speaking_started: InSession & { readonly turn: number };
  /**
   * How much of the agent's words reached the ear so far, at most a few times a second; `isFinal` when they were played
   * to the end or cut. The words of one item only grow.
   */
  reply_heard: InSession & {
    readonly turn: number;
    readonly itemId: string;
    readonly text: string;
    readonly isFinal: boolean;
  };
  tts_complete: InSession & { readonly turn: number; readonly audioDurationMs: number };
  tool_called: InSession & { readonly callId: string; readonly toolName: string; readonly arguments: string };
  tool_completed: InSession & {
    readonly callId: string;
    readonly toolName: string;
    readonly result: string;
    readonly durationMs: number;
  };
  tool_error: InSession & {
    readonly callId: string;
    readonly toolName: string;
    readonly error: string;
    readonly durationMs: number;
  };
  interruption: InSession & {
    readonly turn: number;
    readonly cause: CancelCause;
    /** How much of what was being said had been heard; 0 before the first sound, and between an announcement and the answer. */
    readonly playedMs: number;
    readonly heardText: string;
  };
  /** Something a caller should know; the session goes on unless `session_stopped` follows. */
  session_error: InSession & { readonly code: string; readonly part: string; readonly message: string };
}

export type UserState = 'listening' | 'speaking' | 'away';

export type SessionEventName = keyof SessionEventMap;

/** A session event with its name inside, so that a switch narrows it. */
export type NamedSessionEvent = {
  [Name in SessionEventName]: SessionEventMap[Name] & { readonly name: Name };
}[SessionEventName];

/** @param event the one of this name, as listeners to all events get it */
export function namedEvent(name: SessionEventName, event: SessionEventMap[SessionEventName]): NamedSessionEvent {
  return { name, ...event } as NamedSessionEvent; // name and event come in pairs, which no type says
}
