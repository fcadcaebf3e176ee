// What the links of a session tell goes into its ledger first, then to its parts and its listeners.
import { INPUT_FORMAT } from '../audio/frame.ts';
import type { InputLinkEvents } from '../audio/input-link.ts';
import type { OutputLinkEvents } from '../audio/output-link.ts';
import { AgentError } from '../errors.ts';
import type { TurnKey } from '../events.ts';
import type { SessionScope } from './session-scope.ts';

export function inputEvents(scope: SessionScope): InputLinkEvents {
  return {
    started: () => {
      const utterance = scope.ledger.speech.begin();
      scope.tell({ type: 'speech.started' });
      return utterance;
    },
    sustained: () => {
      scope.ledger.speech.markSustained();
      scope.tell({ type: 'speech.sustained' });
    },
    ended: (lastVoiceAtMs) => {
      scope.ledger.speech.end(lastVoiceAtMs);
      scope.judgeTurnEnd();
      scope.tell({ type: 'speech.ended' });
    },
    discarded: () => {
      scope.ledger.speech.discard();
      scope.tell({ type: 'speech.discarded' });
    },
    received: (sizeBytes, durationMs) => scope.emit('audio_received', { sizeBytes, durationMs }),
    refused: (error) => scope.problem('input', error),
    lost: (samples) => {
      const ms = Math.round((samples * 1000) / INPUT_FORMAT.sampleRateHz);
      const message = `${ms} ms of what the user said were lost: the detector or the recogniser is too far behind`;
      scope.problem('input', new AgentError('ERR_PROVIDER', message));
    },
  };
}

export function outputEvents(scope: SessionScope): OutputLinkEvents<TurnKey> {
  return {
    buffering: (key) => scope.tellTurn(key, { type: 'playout.buffering' }),
    held: (key) => scope.tellTurn(key, { type: 'playout.held' }),
    started: (key) => {
      const turn = scope.turnOf(key);
      if (turn !== null && turn.marks.firstAudioAtMs === null) {
        turn.marks.firstAudioAtMs = scope.clock.now();
        scope.emit('speaking_started', { turn: key.n });
      }
      scope.tellTurn(key, { type: 'playout.started' });
    },
    progressed: (key, itemId, text) => {
      const turn = scope.turnOf(key);
      if (turn !== null) turn.heard = true;
      if (text !== '') scope.emit('reply_heard', { turn: key.n, itemId, text, isFinal: false });
      scope.noteProgress(key);
      scope.tellTurn(key, { type: 'playout.progressed' });
    },
    suspended: (key) => {
      scope.noteProgress(key);
      scope.tellTurn(key, { type: 'playout.progressed' });
    },
    starved: (key) => scope.tellTurn(key, { type: 'playout.starved' }),
    paused: (key) => scope.tellTurn(key, { type: 'playout.paused' }),
    resumed: (key) => scope.tellTurn(key, { type: 'playout.resumed' }),
    drained: (key) => {
      scope.noteProgress(key);
      if (!scope.asides.drained(key)) scope.tellTurn(key, { type: 'playout.drained' });
    },
    synthesized: (key, audioDurationMs) => scope.emit('tts_complete', { turn: key.n, audioDurationMs }),
    heard: (key, itemId, text, wasCut) => {
      const turn = scope.turnOf(key);
      if (turn !== null && (!wasCut || text !== '')) turn.heard = true;
      scope.ledger.setHeard(itemId, text, wasCut);
      if (text !== '') scope.emit('reply_heard', { turn: key.n, itemId, text: text.trim(), isFinal: true });
    },
  };
}
