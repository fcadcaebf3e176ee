// One user of the bench: says tones, hears tones, and keeps to the script whatever the agent does.
import { setTimeout as delay } from 'node:timers/promises';
import {
  AudioFrame,
  AudioSource,
  AudioStream,
  LocalAudioTrack,
  type RemoteAudioTrack,
  Room,
  RoomEvent,
  TrackKind,
  TrackPublishOptions,
  TrackSource,
} from '@livekit/rtc-node';
import { Ear } from './ear.ts';
import { type Judgement, judge, type SaidTurn } from './judge.ts';
import { SampleClock } from './sample-clock.ts';
import {
  ANSWER_MS,
  BARGE_IN_AFTER_MS,
  HEARD_RATE_HZ,
  isBargeIn,
  PATIENCE_MS,
  PAUSE_MS,
  SILENCE_MS,
  SPEECH_MS,
} from './script.ts';
import { CODES, toneOf } from './tones.ts';

const MICROPHONE_RATE_HZ = 48_000;
const FRAME_MS = 20;
const LOOK_EVERY_MS = 20;

export class BenchUser {
  readonly #room = new Room();
  readonly #source = new AudioSource(MICROPHONE_RATE_HZ, 1, 1_000);
  readonly #ear = new Ear(HEARD_RATE_HZ);
  readonly #said: SaidTurn[] = [];

  async join(url: string, token: string, onTrack: () => void): Promise<void> {
    this.#room.on(RoomEvent.TrackSubscribed, (track) => {
      if (track.kind !== TrackKind.KIND_AUDIO) return;
      onTrack();
      void this.#listen(track as RemoteAudioTrack); // of this kind by the line above
    });
    // The words of both sides are a part of the work of an agent; a reader that is left alone would pile up here.
    this.#room.registerTextStreamHandler('lk.transcription', (reader) => void reader.readAll().catch(() => {}));
    await this.#room.connect(url, token, { autoSubscribe: true, dynacast: false });
    const options = new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE });
    const track = LocalAudioTrack.createAudioTrack('microphone', this.#source);
    await this.#room.localParticipant?.publishTrack(track, options);
  }

  async talk(turns: number): Promise<Judgement> {
    for (let turn = 0; turn < turns; turn++) {
      const code = turn % CODES;
      const previous = this.#said.at(-1);
      const isOverAnswer = isBargeIn(turn) && (await this.#hasHeard(previous, BARGE_IN_AFTER_MS));
      if (!isOverAnswer) await this.#quiet();
      const said = await this.#say(code, isOverAnswer);
      this.#said.push(said);
      await this.#until(() => this.#soundsSince(said) !== null, said.toMs + SILENCE_MS + PATIENCE_MS);
    }
    await this.#quiet();
    // An answer that comes once more would come now.
    await delay(SILENCE_MS + PAUSE_MS);
    return judge(this.#said, this.#ear.tones);
  }

  leave(): Promise<void> {
    return this.#room.disconnect();
  }

  async #listen(track: RemoteAudioTrack): Promise<void> {
    const clock = new SampleClock(HEARD_RATE_HZ);
    const options = { sampleRate: HEARD_RATE_HZ, numChannels: 1, frameSizeMs: FRAME_MS };
    for await (const { data } of new AudioStream(track, options))
      this.#ear.hear(data, clock.startOf(data.length, performance.now()));
  }

  async #say(code: number, isOverAnswer: boolean): Promise<SaidTurn> {
    const samples = toneOf(code, SPEECH_MS, MICROPHONE_RATE_HZ);
    const fromMs = performance.now();
    await this.#source.captureFrame(new AudioFrame(samples, MICROPHONE_RATE_HZ, 1, samples.length));
    return { code, fromMs, toMs: fromMs + SPEECH_MS, isBargeIn: isOverAnswer };
  }

  /** The answer to this turn, if it has begun. */
  #soundsSince(said: SaidTurn | undefined) {
    if (said === undefined) return null;
    return this.#ear.tones.findLast(({ code, fromMs }) => code === said.code && fromMs > said.fromMs) ?? null;
  }

  /** False when there is no such answer. */
  async #hasHeard(said: SaidTurn | undefined, ms: number): Promise<boolean> {
    const answer = this.#soundsSince(said);
    if (answer === null || this.#ear.sounding !== answer) return false;
    await this.#until(() => answer.toMs - answer.fromMs >= ms, performance.now() + ms * 2);
    return this.#ear.sounding === answer;
  }

  async #quiet(): Promise<void> {
    await this.#until(() => this.#ear.sounding === null, performance.now() + ANSWER_MS * 2);
    await delay(PAUSE_MS);
  }

  async #until(isSo: () => boolean, deadlineMs: number): Promise<void> {
    while (!isSo() && performance.now() < deadlineMs) await delay(LOOK_EVERY_MS);
  }
}
