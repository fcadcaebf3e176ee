// The floor: bare rtc-node with an energy detector and a tone, all rooms in one process. Nobody can do with less.
import {
  AudioFrame,
  AudioSource,
  AudioStream,
  dispose,
  LocalAudioTrack,
  type RemoteAudioTrack,
  Room,
  RoomEvent,
  TrackKind,
  TrackPublishOptions,
  TrackSource,
} from '@livekit/rtc-node';
import { LevelDetector } from './level-detector.ts';
import { ANSWER_MS, HEARD_RATE_HZ, PIECE_MS, VOICE_RATE_HZ } from './script.ts';
import type { SideCommand, SideReport } from './side-protocol.ts';
import { ToneMeter, toneOf } from './tones.ts';

const FRAME_MS = 20;
const QUEUE_MS = 200;
const rooms: Room[] = [];

const tell = (report: SideReport) => process.send?.(report);

async function join(url: string, token: string): Promise<void> {
  const room = new Room();
  rooms.push(room);
  const source = new AudioSource(VOICE_RATE_HZ, 1, QUEUE_MS);
  room.on(RoomEvent.TrackSubscribed, (track) => {
    if (track.kind === TrackKind.KIND_AUDIO) void serve(track as RemoteAudioTrack, source); // of this kind
  });
  await room.connect(url, token, { autoSubscribe: true, dynacast: false });
  const options = new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE });
  const track = LocalAudioTrack.createAudioTrack('agent', source);
  const publication = await room.localParticipant?.publishTrack(track, options);
  // Nothing is left of a call: each source costs a thread, also a silent one.
  room.once(RoomEvent.ParticipantDisconnected, async () => {
    rooms.splice(rooms.indexOf(room), 1);
    if (publication?.sid !== undefined) await room.localParticipant?.unpublishTrack(publication.sid);
    await room.disconnect();
    await track.close(true);
  });
}

async function serve(track: RemoteAudioTrack, source: AudioSource): Promise<void> {
  const meter = new ToneMeter();
  const mouth = new Mouth(source);
  const detector = new LevelDetector(HEARD_RATE_HZ, ({ type }) => {
    if (type === 'sustained') mouth.stop();
    if (type !== 'ended') return;
    mouth.say(toneOf(meter.code(HEARD_RATE_HZ), ANSWER_MS, VOICE_RATE_HZ));
    meter.reset();
  });
  const options = { sampleRate: HEARD_RATE_HZ, numChannels: 1, frameSizeMs: FRAME_MS };
  for await (const { data } of new AudioStream(track, options)) {
    meter.write(data);
    detector.write(data);
  }
}

class Mouth {
  readonly #source: AudioSource;
  #speech = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(source: AudioSource) {
    this.#source = source;
  }

  say(samples: Int16Array): void {
    const mine = ++this.#speech;
    this.#last = this.#last.then(async () => {
      const length = (VOICE_RATE_HZ * PIECE_MS) / 1000;
      for (let at = 0; at < samples.length && mine === this.#speech; at += length)
        await this.#source.captureFrame(new AudioFrame(samples.slice(at, at + length), VOICE_RATE_HZ, 1, length));
    });
  }

  stop(): void {
    this.#speech++;
    this.#source.clearQueue();
  }
}

async function run(command: SideCommand): Promise<void> {
  if (command.type === 'join') return join(command.url, command.token);
  await Promise.all(rooms.map((room) => room.disconnect().catch(() => {})));
  await dispose();
  process.exit(0);
}

process.on('message', (message) => {
  run(message as SideCommand).catch((error: unknown) => tell({ type: 'failed', error: String(error) })); // sent by sides.ts only
});
process.on('disconnect', () => process.exit(0));
tell({ type: 'ready' });
