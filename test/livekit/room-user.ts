// What everybody who calls in a test has in their own process: a room, a microphone that says sines, an ear for each voice.
import { setTimeout as delay } from 'node:timers/promises';
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
import { listen, RATE, type Sound, tone } from './sounds.ts';

export type HeardFact =
  | { readonly type: 'track'; readonly identity: string; readonly source: number }
  /** Sound from the room began or ended. */
  | ({ readonly type: 'sound'; readonly identity: string } & Sound);

/** How long somebody who speaks waits for a listener: there may be none. */
const LISTENER_MS = 3_000;

export class RoomUser {
  readonly room = new Room();
  readonly #source = new AudioSource(RATE, 1, 200);
  #speaking: Promise<void> = Promise.resolve();
  #generation = 0;
  /** Somebody has the microphone; what is said before is lost. */
  #listened: Promise<void> = Promise.resolve();

  constructor(tell: (fact: HeardFact) => void) {
    this.room.on(RoomEvent.TrackSubscribed, (remote, { source }, { identity }) => {
      tell({ type: 'track', identity, source: source ?? TrackSource.SOURCE_UNKNOWN });
      // Only audio is published to users.
      const audio = remote as ConstructorParameters<typeof AudioStream>[0];
      void listen(audio, (sound) => tell({ type: 'sound', identity, ...sound }));
    });
  }

  async join(url: string, token: string): Promise<void> {
    await this.room.connect(url, token, { autoSubscribe: true, dynacast: false });
    await this.publishMicrophone();
  }

  async publishMicrophone(): Promise<void> {
    const track = LocalAudioTrack.createAudioTrack('microphone', this.#source);
    const options = new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE });
    const publication = await this.room.localParticipant?.publishTrack(track, options);
    this.#listened = Promise.race([publication?.waitForSubscription(), delay(LISTENER_MS)]);
  }

  /** Resolves when the last 20 ms of the tone were handed over. A newer tone cuts it short. */
  speak(durationMs: number, hz: number): Promise<void> {
    const mine = ++this.#generation;
    const isWanted = () => mine === this.#generation;
    const spoken = this.#speaking.then(() => this.#listened);
    const said = spoken.then(() => tone(this.#source, { durationMs, hz, isWanted }));
    this.#speaking = said.catch(() => {});
    return said;
  }

  /** The microphone cannot be used after this. */
  closeMicrophone(): Promise<void> {
    return this.#source.close();
  }
}

/** Takes the commands of the test until it ends the process, or is gone. */
export function obeyTest<Command extends { readonly type: string }>(
  /** What `exit` leaves. */
  rooms: () => Iterable<Room>,
  obey: (command: Exclude<Command, { type: 'exit' }>) => unknown,
  failed: (command: Exclude<Command, { type: 'exit' }>, message: string) => void,
): void {
  process.on('message', async (message) => {
    const command = message as Command; // sent by the test only
    if (command.type === 'exit') {
      await Promise.all([...rooms()].map((room) => room.disconnect().catch(() => {})));
      await dispose();
      process.exit(0);
    }
    const other = command as Exclude<Command, { type: 'exit' }>; // looked at above
    try {
      await obey(other);
    } catch (error) {
      failed(other, String(error));
    }
  });
  process.on('disconnect', () => process.exit(0));
  process.send?.({ type: 'ready' });
}
