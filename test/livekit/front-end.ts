// The user's page as the official front ends are made: everything that is shown goes through @livekit/components-core.
import {
  dedupeSegments,
  participantAttributesObserver,
  setupChat,
  setupTextStream,
  trackTranscriptionObserver,
} from '@livekit/components-core';
import { type Participant, ParticipantKind, type RemoteParticipant, Room, RoomEvent, Track } from 'livekit-client';

interface Shown {
  readonly identity: string;
  readonly text: string;
  readonly isFinal: boolean;
}

const room = new Room();
const seen = {
  /** States of the agent, on change. */
  states: [] as string[],
  /** What is shown, by segment. */
  transcripts: {} as Record<string, Shown>,
  /** What older front ends show of the agent, by segment. */
  older: {} as Record<string, string>,
  /** Chat messages, by author. */
  chat: [] as { readonly from: string; readonly text: string }[],
  left: null as number | string | null,
};

setupTextStream(room, 'lk.transcription').subscribe((streams) => {
  for (const { text, participantInfo, streamInfo } of streams) {
    const { 'lk.segment_id': segment = '', 'lk.transcription_final': final } = streamInfo.attributes ?? {};
    seen.transcripts[segment] = { identity: participantInfo.identity, text, isFinal: final === 'true' };
  }
});
const chat = setupChat(room);
chat.messageObservable.subscribe((messages) => {
  seen.chat = messages.map(({ from, message }) => ({ from: from?.identity ?? '', text: message }));
});

/** As the hooks of the front ends find it: the first agent that does not act for another one. */
function isAgent(participant: Participant): boolean {
  return participant.kind === ParticipantKind.AGENT && participant.attributes['lk.publish_on_behalf'] === undefined;
}

function watch(participant: RemoteParticipant): void {
  if (!isAgent(participant)) return;
  participantAttributesObserver(participant).subscribe(({ attributes }) => {
    const state = attributes['lk.agent.state'];
    if (state !== undefined && state !== seen.states.at(-1)) seen.states.push(state);
  });
}

room.on(RoomEvent.ParticipantConnected, watch);
room.on(RoomEvent.TrackSubscribed, (track, publication, participant) => {
  if (!isAgent(participant) || publication.source !== Track.Source.Microphone) return;
  track.attach();
  let segments: { readonly id: string; readonly text: string }[] = [];
  trackTranscriptionObserver(publication).subscribe(([received]) => {
    segments = dedupeSegments(segments as never, received as never, 100); // only their ids are looked at
    seen.older = Object.fromEntries(segments.map(({ id, text }) => [id, text]));
  });
});
room.on(RoomEvent.Disconnected, (reason) => {
  seen.left = reason ?? 'unknown';
});

async function join(url: string, token: string, capture: object = {}): Promise<void> {
  await room.connect(url, token);
  for (const participant of room.remoteParticipants.values()) watch(participant);
  const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  await room.localParticipant.setMicrophoneEnabled(true, { ...plain, ...capture });
}

Object.assign(globalThis, { room, seen, join, say: (text: string) => chat.send(text) });
