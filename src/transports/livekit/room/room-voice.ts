// The agent's voice in its room: one native source, and the track over it that the server lets it publish.
import type { Clock } from '../../../clock.ts';
import type { Rtc, RtcPublication, RtcRoom, RtcSource, RtcTrack } from '../rtc.ts';
import { RoomSpeaker, SOURCE_QUEUE_MS } from './room-speaker.ts';

/** The library converts, so the voice is handed over as voices make it. */
const SPEAKER_RATE_HZ = 24_000;

export interface RoomVoiceOptions {
  readonly rtc: Rtc;
  readonly room: Pick<RtcRoom, 'localParticipant'>;
  readonly clock: Clock;
  /** True: silence passes in place of the voice. */
  isMuted(): boolean;
  /** Nothing will be heard through this voice again. */
  onStuck(): void;
  /** Of the first piece that the native side refused. */
  onRefused(error: unknown): void;
}

export class RoomVoice {
  readonly sink: RoomSpeaker;
  readonly #rtc: Rtc;
  readonly #room: RoomVoiceOptions['room'];
  readonly #source: RtcSource;
  /** Null until it is published first. */
  #track: RtcTrack | null = null;
  #publication: RtcPublication | null = null;
  /** What was asked for last: published, or not any more. */
  #last: Promise<void> = Promise.resolve();
  #isOver = false;

  constructor({ rtc, room, ...speaker }: RoomVoiceOptions) {
    this.#rtc = rtc;
    this.#room = room;
    this.#source = new rtc.AudioSource(SPEAKER_RATE_HZ, 1, SOURCE_QUEUE_MS);
    this.sink = new RoomSpeaker({ rtc, source: this.#source, sampleRateHz: SPEAKER_RATE_HZ, ...speaker });
  }

  /** Undefined while it is not published. Changes when it is published anew. */
  get trackSid(): string | undefined {
    return this.#publication?.sid;
  }

  publish(): Promise<void> {
    return this.#inTurn(() => this.#publish());
  }

  /** A track of its own over the same source, unless one is published. */
  publishAnew(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#isOver || this.#room.localParticipant === undefined || this.#publication !== null) return;
      const old = this.#track;
      this.#track = this.#trackOverSource();
      await old?.close(false);
      await this.#publish();
    });
  }

  /** Also when the server has ended the track: the library would hold on to it, and break when it is published once more. */
  unpublish(): Promise<void> {
    return this.#inTurn(async () => {
      const sid = this.#publication?.sid;
      this.#publication = null;
      if (sid !== undefined) await this.#room.localParticipant?.unpublishTrack(sid);
    });
  }

  /** Silent at once; nothing is published from now on. */
  stop(): void {
    this.#isOver = true;
    this.sink.close();
  }

  /** Frees the native parts: each source costs a thread, also a silent one. */
  async close(): Promise<void> {
    await this.#track?.close(false);
    await this.#source.close();
  }

  async #publish(): Promise<void> {
    this.#track ??= this.#trackOverSource();
    const options = new this.#rtc.TrackPublishOptions({ source: this.#rtc.TrackSource.SOURCE_MICROPHONE });
    const publication = await this.#room.localParticipant?.publishTrack(this.#track, options);
    this.#publication = publication ?? null;
  }

  /** A track that is still being published has no name yet by which it could be unpublished. */
  #inTurn(run: () => Promise<void>): Promise<void> {
    const done = this.#last.then(run);
    this.#last = done.catch(() => {}); // told to who asked for it
    return done;
  }

  /**
   * Never before its room is joined: a track belongs to the threads of the library that run when it is made. Made before the
   * room it gets threads of its own, which end with the track; the room still calls them when it is freed later, and the
   * process breaks (rtc-ffi-bindings 0.12.73 to 0.12.75).
   */
  #trackOverSource(): RtcTrack {
    return this.#rtc.LocalAudioTrack.createAudioTrack('agent_audio', this.#source);
  }
}
