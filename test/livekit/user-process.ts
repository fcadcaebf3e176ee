// A user in a process of its own, as in real life: joins a room, makes sounds, types, and reports what it hears and sees.
import {
  AudioFrame,
  AudioSource,
  AudioStream,
  dispose,
  LocalAudioTrack,
  Room,
  RoomEvent,
  TrackPublishOptions,
  TrackSource,
} from '@livekit/rtc-node';
import type { UserCommand, UserReport } from './user-protocol.ts';

const RATE = 48_000;
const room = new Room();
const source = new AudioSource(RATE, 1, 200);
const track = LocalAudioTrack.createAudioTrack('microphone', source);
let speaking: Promise<void> = Promise.resolve();
let generation = 0;

const tell = (report: UserReport) => process.send?.(report);

/** A sine; loud enough for any detector, and no faster than real time. */
async function tone(durationMs: number, hz: number): Promise<void> {
  const mine = generation;
  for (let at = 0; at < durationMs && mine === generation; at += 20) {
    const data = new Int16Array((RATE * 20) / 1000);
    const from = (at * RATE) / 1000;
    for (let i = 0; i < data.length; i++) data[i] = Math.sin((2 * Math.PI * hz * (from + i)) / RATE) * 8_000;
    await source.captureFrame(new AudioFrame(data, RATE, 1, data.length));
  }
  tell({ type: 'said', durationMs });
}

/** Tells when sound begins and ends, with its level. */
async function listen(remote: ConstructorParameters<typeof AudioStream>[0]): Promise<void> {
  let isLoud = false;
  let quiet = 0;
  let loudest = 0;
  for await (const { data } of new AudioStream(remote, { sampleRate: 16_000, numChannels: 1, frameSizeMs: 20 })) {
    const rms = Math.sqrt(data.reduce((sum, sample) => sum + sample * sample, 0) / data.length) / 32_768;
    quiet = rms > 0.01 ? 0 : quiet + 20;
    loudest = isLoud ? Math.max(loudest, rms) : rms;
    if (!isLoud && rms > 0.02) tell({ type: 'sound', on: true, rms, atMs: Date.now() });
    if (isLoud && quiet >= 100) tell({ type: 'sound', on: false, rms: loudest, atMs: Date.now() - quiet });
    isLoud = isLoud ? quiet < 100 : rms > 0.02;
  }
}

room.on(RoomEvent.TrackSubscribed, (remote, publication, participant) => {
  tell({ type: 'track', identity: participant.identity, source: publication.source ?? -1 });
  void listen(remote as ConstructorParameters<typeof AudioStream>[0]); // only audio is published in these tests
});
room.on(RoomEvent.ParticipantAttributesChanged, (changed, { identity }) =>
  tell({ type: 'attributes', identity, changed }),
);
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

const commands: { [Name in UserCommand['type']]: (command: Extract<UserCommand, { type: Name }>) => unknown } = {
  join: async ({ url, token }) => {
    await room.connect(url, token, { autoSubscribe: true, dynacast: false });
    await room.localParticipant?.publishTrack(
      track,
      new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE }),
    );
    tell({ type: 'joined' });
  },
  speak: ({ durationMs, hz }) => {
    generation++;
    speaking = speaking.then(() => tone(durationMs, hz)).catch(() => {});
  },
  type: ({ text }) => room.localParticipant?.sendText(text, { topic: 'lk.chat' }),
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
