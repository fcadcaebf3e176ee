// What the agent hears in its room: the microphone of its user, from what was recorded before it came to the live audio.
import type { AudioFrame } from '../../../audio/frame.ts';
import type { Clock } from '../../../clock.ts';
import { PreConnectAudio } from '../pre-connect/audio.ts';
import type { SentRecordings } from '../pre-connect/sent-recordings.ts';
import type { Rtc, RtcByteReader, RtcParticipant, RtcPublication, RtcTrack } from '../rtc.ts';
import { readMicrophone } from './microphone.ts';
import { subscribe, unsubscribe } from './subscriptions.ts';

/** `TF_PRECONNECT_BUFFER` of the protocol; the library does not export its names. */
const HAS_RECORDED = 6;

export interface RoomEarOptions {
  readonly rtc: Rtc;
  readonly clock: Clock;
  /** Hear what clients recorded before the agent was there. */
  readonly preConnectAudio: boolean;
  readonly sentRecordings: SentRecordings;
  /** False: silence is heard in place of the user. */
  isOn(): boolean;
  onFrame(frame: AudioFrame): void;
  onProblem(where: string, error: unknown): void;
}

export class RoomEar {
  readonly #options: RoomEarOptions;
  readonly #preConnect: PreConnectAudio | null;
  #track: RtcTrack | null = null;
  #trackSid: string | undefined;
  #stopReading: (() => void) | null = null;

  constructor(options: RoomEarOptions) {
    this.#options = options;
    this.#preConnect = options.preConnectAudio
      ? new PreConnectAudio({
          clock: options.clock,
          onFrame: (frame) => this.#deliver(frame),
          onProblem: (error) => options.onProblem('pre-connect audio', error),
        })
      : null;
  }

  /** Are recordings of clients heard? */
  get takesRecordings(): boolean {
    return this.#preConnect !== null;
  }

  get isHearing(): boolean {
    return this.#track !== null;
  }

  /** Nothing is subscribed by itself: video and other people's audio would be decoded for nobody. */
  subscribe(publication: RtcPublication): void {
    if (!isMicrophone(this.#options.rtc, publication)) return;
    subscribe(publication, this);
    if (publication.track !== undefined) this.hear(publication.track, publication);
  }

  unsubscribe(user: RtcParticipant): void {
    const { rtc, clock } = this.#options;
    for (const publication of user.trackPublications.values())
      if (isMicrophone(rtc, publication)) unsubscribe(publication, this, clock);
  }

  hear(track: RtcTrack, publication: RtcPublication): void {
    const { rtc, onProblem } = this.#options;
    if (track === this.#track || !isMicrophone(rtc, publication)) return;
    this.stop();
    this.#track = track;
    this.#trackSid = publication.sid;
    const preConnect = this.#preConnect;
    preConnect?.begin(this.#hasRecorded(publication));
    this.#stopReading = readMicrophone({
      rtc,
      track,
      onFrame: (frame) => (preConnect === null ? this.#deliver(frame) : preConnect.write(frame)),
      onError: (error) => onProblem('microphone', error),
    });
  }

  /** A recording of the user arrives. Never rejects. */
  async receive(reader: RtcByteReader): Promise<void> {
    await this.#preConnect?.receive(reader);
  }

  /** Of this track, or of whichever is heard. */
  stop(track = this.#track): void {
    if (track !== this.#track) return;
    this.#stopReading?.();
    this.#stopReading = null;
    if (this.#track !== null) this.#preConnect?.end();
    if (this.#trackSid !== undefined) this.#options.sentRecordings.settle(this.#trackSid);
    this.#trackSid = undefined;
    this.#track = null;
  }

  /** The user is gone, or the call is over: what waits is not heard any more. */
  forget(): void {
    this.#preConnect?.clear();
    this.stop();
  }

  #deliver(frame: AudioFrame): void {
    const { isOn, onFrame } = this.#options;
    onFrame(isOn() ? frame : silenceOf(frame));
  }

  #hasRecorded({ sid, info }: RtcPublication): boolean {
    const { sentRecordings, clock } = this.#options;
    const isExpected = sid !== undefined && sentRecordings.isExpected(sid, clock.now());
    return isExpected && info?.audioFeatures?.includes(HAS_RECORDED) === true;
  }
}

export function microphoneOf(rtc: Rtc, participant: RtcParticipant | null): RtcPublication | undefined {
  return [...(participant?.trackPublications.values() ?? [])].find((publication) => isMicrophone(rtc, publication));
}

function isMicrophone(rtc: Rtc, { source }: RtcPublication): boolean {
  return source === rtc.TrackSource.SOURCE_MICROPHONE;
}

function silenceOf({ samples, ...format }: AudioFrame): AudioFrame {
  return { ...format, samples: new Int16Array(samples.length) };
}
