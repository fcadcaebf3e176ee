// A user in a process of its own, as in real life: joins a room, makes sounds, types, and reports what it hears and sees.
import { RoomEvent, TrackSource } from '@livekit/rtc-node';
import { obeyTest, RoomUser } from './room-user.ts';
import { type Show, show } from './shown-video.ts';
import type { UserCommand, UserReport } from './user-protocol.ts';

const tell = (report: UserReport) => process.send?.(report);

const user = new RoomUser(tell);
const { room } = user;
const shown = new Map<Show['source'], () => Promise<void>>();

// What a participant comes with is told too: no change of it follows.
room.on(RoomEvent.ParticipantConnected, ({ identity, attributes }) => {
  if (Object.keys(attributes).length > 0) tell({ type: 'attributes', identity, changed: { ...attributes } });
});
room.on(RoomEvent.ParticipantAttributesChanged, (changed, { identity }) =>
  tell({ type: 'attributes', identity, changed }),
);
room.on(RoomEvent.DtmfReceived, (code, digit, { identity }) => tell({ type: 'tone', code, digit, identity }));
room.on(RoomEvent.ParticipantDisconnected, ({ identity }) => tell({ type: 'participantLeft', identity }));
room.on(RoomEvent.Disconnected, (reason) => tell({ type: 'left', reason }));
room.registerTextStreamHandler('lk.transcription', async (reader, { identity }) => {
  const { attributes = {}, streamId } = reader.info;
  let text = '';
  try {
    for await (const piece of reader) {
      text += piece;
      tell({ type: 'transcript', identity, streamId, attributes, text, isClosed: false });
    }
    tell({ type: 'transcript', identity, streamId, attributes, text, isClosed: true });
  } catch {
    tell({ type: 'transcript', identity, streamId, attributes, text: `${text} (broken)`, isClosed: false });
  }
});
room.on(RoomEvent.DataReceived, (payload, participant, _kind, topic) => {
  tell({
    type: 'data',
    topic: topic ?? '',
    identity: participant?.identity ?? '',
    base64: Buffer.from(payload).toString('base64'),
  });
});
room.registerByteStreamHandler('lk.agent.session', async (reader, { identity }) => {
  const bytes = Buffer.concat(await reader.readAll());
  tell({ type: 'bytes', topic: 'lk.agent.session', identity, base64: bytes.toString('base64') });
});

const commands: {
  [Name in Exclude<UserCommand['type'], 'exit'>]: (command: Extract<UserCommand, { type: Name }>) => unknown;
} = {
  join: async ({ url, token }) => {
    await user.join(url, token);
    tell({ type: 'joined' });
  },
  microphone: async ({ on }) => {
    const sid = [...(room.localParticipant?.trackPublications.values() ?? [])].find(
      ({ source }) => source === TrackSource.SOURCE_MICROPHONE,
    )?.sid;
    if (sid !== undefined) await room.localParticipant?.unpublishTrack(sid);
    if (on) await user.publishMicrophone();
  },
  speak: ({ durationMs, hz }) =>
    user.speak(durationMs, hz).then(
      () => tell({ type: 'said', durationMs }),
      () => {}, // the room may end first
    ),
  type: ({ text }) => room.localParticipant?.sendText(text, { topic: 'lk.chat' }),
  data: async ({ topic, base64, to, repeat = 1 }) => {
    const bytes = new Uint8Array(Buffer.from(base64, 'base64'));
    for (let i = 0; i < repeat; i++)
      await room.localParticipant?.publishData(bytes, { topic, reliable: true, destination_identities: to });
  },
  bytes: async ({ topic, base64, to }) => {
    const writer = await room.localParticipant?.streamBytes({ topic, destinationIdentities: to });
    await writer?.write(new Uint8Array(Buffer.from(base64, 'base64')));
    await writer?.close();
  },
  press: ({ code, digit }) => room.localParticipant?.publishDtmf(code, digit),
  setAttributes: ({ attributes }) => room.localParticipant?.setAttributes(attributes),
  show: async (command) => {
    if (room.localParticipant !== undefined) shown.set(command.source, await show(room.localParticipant, command));
  },
  hide: ({ source }) => shown.get(source)?.(),
  leave: () => room.disconnect(),
};

obeyTest<UserCommand>(
  () => [room],
  (command) => commands[command.type](command as never), // the table is keyed by the type
  ({ type }, message) => tell({ type: 'failed', command: type, message }),
);
