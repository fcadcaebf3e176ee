// What a front end sees of a session in a room: the state of the agent, and the words of both sides as they are heard.
import { namedEvent, type SessionEventMap, type SessionEventName, type SessionState } from '../../../events.ts';
import type { LivekitTransport } from '../livekit-transport.ts';
import type { RoomConnection } from './room-connection.ts';
import { RoomTranscripts } from './room-transcripts.ts';
import { type ShownAgentState, STATE_ATTRIBUTE, shownStateOf } from './shown-state.ts';

/** What of an AgentSession is needed. */
export interface ObservedSession {
  readonly state: SessionState;
  onAny(listener: (name: SessionEventName, event: SessionEventMap[SessionEventName]) => unknown): () => void;
}

/**
 * Shows a session in its room: `lk.agent.state`, `lk.transcription` and the older transcriptions. Call it before
 * `session.start()`, so that nothing is missed. Returns a function that stops it; the end of the session does too.
 */
export function attachRoomIo(session: ObservedSession, transport: LivekitTransport): () => void {
  let connection: RoomConnection | null = null;
  let transcripts: RoomTranscripts | null = null;
  let shown: ShownAgentState | null = null;
  /** Words of the agent arrive: without a voice, too, that is what front ends know as speaking. */
  let isTelling = false;

  const show = (state: SessionState) => {
    const own = shownStateOf(state);
    const next = isTelling && own === 'thinking' ? 'speaking' : own;
    if (next === null || next === shown || connection === null) return;
    // The server leaves it without an answer, and what is sent when the right is back would wait behind it for seconds.
    if (connection.lacks('canUpdateMetadata')) return;
    shown = next;
    const { room, attributes } = connection;
    // Each is a round trip to the server: a state that was overtaken while it waited is not sent.
    attributes.push(async () => room.localParticipant?.setAttributes({ [STATE_ATTRIBUTE]: next }), STATE_ATTRIBUTE);
  };

  const join = (joined: RoomConnection) => {
    connection = joined;
    transcripts = new RoomTranscripts(joined);
    shown = null;
    show(session.state);
    const showAgain = () => {
      if (joined !== connection) return;
      shown = null;
      show(session.state);
    };
    joined.onRightGivenBack((right) => {
      if (right === 'canUpdateMetadata') showAgain();
    });
    // What was shown while the room was away, the library may have thrown away with the connection that was lost.
    joined.room.on('reconnected', showAgain);
  };

  const hear = (name: SessionEventName, event: SessionEventMap[SessionEventName]) => {
    const told = namedEvent(name, event);
    switch (told.name) {
      case 'state_changed':
        show(told.toState);
        return;
      case 'stt_result':
        transcripts?.userSaid(told.utterance, told.text, told.isFinal);
        return;
      case 'reply_heard':
        transcripts?.agentSaid(told.itemId, told.text, told.isFinal);
        isTelling = !told.isFinal;
        if (isTelling) show(session.state);
        return;
      case 'session_stopped':
        stop();
        return;
    }
  };

  const leaveRoom = transport.onConnection(join);
  const leaveSession = session.onAny(hear);
  const stop = () => {
    leaveRoom();
    leaveSession();
  };
  return stop;
}
