// A user in a process of its own, as in real life: joins a room, makes sounds, types, and reports what it hears and sees.
import {
  AudioSource,
  type AudioStream,
  dispose,
  LocalAudioTrack,
  Room,
  RoomEvent,
  TrackPublishOptions,
  TrackSource,
} from '@livekit/rtc-node';
import { type Show, show } from './shown-video.ts';
import { listen, RATE, tone } from './sounds.ts';
import type { UserCommand, UserReport } from './user-protocol.ts';

const room = new Room();
const source = new AudioSource(RATE, 1, 200);
const track = LocalAudioTrack.createAudioTrack('microphone', source);
const shown = new Map<Show['source'], () => Promise<void>>();
let speaking: Promise<void> = Promise.resolve();
let generation = 0;

const tell = (report: UserReport) => process.send?.(report);

/** One tone after another; a newer one cuts it short. */
async function speak(durationMs: number, hz: number): Promise<void> {
  const mine = generation;
  await tone(source, { durationMs, hz, isWanted: () => mine === generation });
  tell({ type: 'said', durationMs });
}

room.on(RoomEvent.TrackSubscribed, (remote, publication, participant) => {
  tell({ type: 'track', identity: participant.identity, source: publication.source ?? -1 });
  const { identity } = participant;
  // Only audio is published in these tests.
  void listen(remote as ConstructorParameters<typeof AudioStream>[0], (sound) =>
    tell({ type: 'sound', identity, ...sound }),
  );
});
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

const commands: { [Name in UserCommand['type']]: (command: Extract<UserCommand, { type: Name }>) => unknown } = {
  join: async ({ url, token }) => {
    await room.connect(url, token, { autoSubscribe: true, dynacast: false });
    await room.localParticipant?.publishTrack(
      track,
      new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE }),
    );
    tell({ type: 'joined' });
  },
  microphone: async ({ on }) => {
    const sid = [...(room.localParticipant?.trackPublications.values() ?? [])].find(
      ({ source: published }) => published === TrackSource.SOURCE_MICROPHONE,
    )?.sid;
    if (sid !== undefined) await room.localParticipant?.unpublishTrack(sid);
    if (on)
      await room.localParticipant?.publishTrack(
        LocalAudioTrack.createAudioTrack('microphone', source),
        new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE }),
      );
  },
  speak: ({ durationMs, hz }) => {
    generation++;
    speaking = speaking.then(() => speak(durationMs, hz)).catch(() => {});
  },
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
  exit: async () => {
    await room.disconnect().catch(() => {});
    await dispose();
    process.exit(0);
  },
};

process.on('message', async (message) => {
  const command = message as UserCommand; // sent by remote-user.ts only
  try {
    await commands[command.type](command as never); // the table is keyed by the type
  } catch (error) {
    tell({ type: 'failed', command: command.type, message: String(error) });
  }
});
process.on('disconnect', () => process.exit(0));
tell({ type: 'ready' });
