// What tools say while they run: part of the reply that called them, spoken one after the other behind what the model said
// with the call, and over with the reply.
import { recite } from '../actors/respond.actor.ts';
import type { TurnKey, TurnOutcome } from '../events.ts';
import { SpeechHandle } from '../speech-handle.ts';
import { type SessionScope, turnName } from './session-scope.ts';
import { checkText } from './text-input.ts';
import { isOver, type TurnRecord } from './turn-record.ts';

interface Aside {
  readonly callId: string;
  readonly text: string;
  readonly handle: SpeechHandle;
}

/** Outlives the turn's actor and the voice, as the rest of the scope does. */
export class Asides {
  readonly #scope: SessionScope;
  #waiting: Aside[] = [];
  #spoken: Aside | null = null;

  constructor(scope: SessionScope) {
    this.#scope = scope;
  }

  /**
   * Speaks as soon as nothing else of the reply is being spoken. A call whose reply is over says nothing any more.
   * @throws AgentError `ERR_TEXT`
   */
  say(callId: string, given: string): SpeechHandle {
    const text = checkText(given);
    const handle = new SpeechHandle(this.#scope.ids.next('speech'), () => this.#stop(aside));
    const aside: Aside = { callId, text, handle };
    if (this.#turnOf(callId) === null) handle.settle({ outcome: 'abandoned', turn: null });
    else {
      this.#waiting.push(aside);
      this.speakNext();
    }
    return handle;
  }

  /** Returns whether one was begun. */
  speakNext(): boolean {
    const { ledger, output, writer } = this.#scope;
    const { turn } = ledger;
    if (turn === null || isOver(turn) || writer === null || output.isBusy) return false;
    // Between two attempts of the turn nobody would hear that it is spoken.
    if (this.#scope.whereis(turnName(turn)) === undefined) return false;
    const aside = this.#waiting.shift();
    if (aside === undefined) return false;
    this.#spoken = aside;
    recite({
      text: aside.text,
      frames: undefined,
      writer,
      beginItem: () => ledger.beginAssistantItem(aside.callId),
      onText: () => {},
      onEnd: (text) => this.#scope.emit('response_generated', { turn: turn.n, text }),
    });
    return true;
  }

  /** What was being spoken was played to its end. Returns whether another one follows at once: the reply is not drained. */
  drained(key: TurnKey): boolean {
    if (this.#scope.turnOf(key) === null) return false;
    this.#settleSpoken('completed');
    return this.speakNext();
  }

  /** The reply is over, or begins again. */
  end(outcome: TurnOutcome): void {
    this.#settleSpoken(outcome);
    for (const { handle } of this.#waiting.splice(0)) handle.settle({ outcome, turn: null });
  }

  #stop(aside: Aside): void {
    const { turn } = this.#scope.ledger;
    if (this.#spoken !== aside || turn === null) {
      this.#waiting = this.#waiting.filter((each) => each !== aside);
      aside.handle.settle({ outcome: 'interrupted', turn: null });
      return;
    }
    const { n, attempt, mode } = turn;
    // Silence now, and a new port for what follows: the reply itself goes on.
    this.#scope.writer = this.#scope.output.attachTurn({ n, attempt, mode });
    this.#settleSpoken('interrupted');
    if (!this.speakNext()) this.#scope.tellTurn(turn, { type: 'playout.drained' });
  }

  #settleSpoken(outcome: TurnOutcome): void {
    const aside = this.#spoken;
    this.#spoken = null;
    aside?.handle.settle({ outcome, turn: this.#scope.ledger.turn?.n ?? this.#scope.ledger.turnCount });
  }

  /** The open turn, while the call may speak in it. */
  #turnOf(callId: string): TurnRecord | null {
    const { ledger } = this.#scope;
    const { turn } = ledger;
    const isRunning = turn !== null && turn.mode !== 'fallback' && ledger.openCall(callId)?.turn === turn.n;
    return isRunning && !isOver(turn) ? turn : null;
  }
}
