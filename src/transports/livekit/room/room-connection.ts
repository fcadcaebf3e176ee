// One stay in a room: whom the agent is linked to, what it hears, what it says and shows, and how it leaves.
import { type Clock, withinMs } from '../../../clock.ts';
import { AgentError } from '../../../errors.ts';
import type { TransportConnection, TransportOpenOptions } from '../../transport.ts';
import { digitOf } from '../dtmf.ts';
import { Outbox } from '../outbox.ts';
import { PRE_CONNECT_TOPIC } from '../pre-connect/audio.ts';
import type { SentRecordings } from '../pre-connect/sent-recordings.ts';
import type { Rtc, RtcByteReader, RtcParticipant, RtcPublication, RtcTextReader } from '../rtc.ts';
import { endOfAgent, endOfUser, isUser } from './link-policy.ts';
import { microphoneOf, RoomEar } from './room-ear.ts';
import { RoomNetwork } from './room-network.ts';
import { RoomPermissions, type RoomRight } from './room-permissions.ts';
import type { SessionRoom } from './room-seat.ts';
import type { RoomSpeaker } from './room-speaker.ts';
import { allOn, type RoomSwitches } from './room-switches.ts';
import { RoomVoice } from './room-voice.ts';

/** Text streams of participants that are taken as user input. */
const CHAT_TOPIC = 'lk.chat';
/** Pages send as soon as they see the agent, which is linked to its user when its voice is published. */
const LINK_WAIT_MS = 2_000;
/** They reach the server in order; what can be lost is its answer, and the next state must not wait 5 s for that. */
const ATTRIBUTES_MS = 1_000;
/** Each step of leaving may take this long; a dead network must not keep the process. */
export const LEAVE_STEP_MS = 1_000;

export interface RoomConnectionOptions {
  readonly rtc: Rtc;
  readonly room: SessionRoom;
  readonly identity: string | undefined;
  /** Hear what clients recorded before the agent was there. */
  readonly preConnectAudio: boolean;
  readonly sentRecordings: SentRecordings;
  readonly open: Pick<TransportOpenOptions, 'clock' | 'audio' | 'onFrame' | 'onEvent'>;
  /** Default: everything is on. */
  readonly switches?: RoomSwitches;
  /** Told of sends that failed; none of them ends the call. */
  onProblem(where: string, error: unknown): void;
}

/** One stay of the agent in a room: the room as the native library has it, and whom the agent talks to there. */
export class RoomConnection implements TransportConnection {
  /** @internal Transcripts, in order. */
  readonly texts: Outbox;
  /** @internal Attributes of the agent; apart from the texts, because each waits for the server. */
  readonly attributes: Outbox;
  readonly room: SessionRoom;
  readonly clock: Clock;
  readonly switches: RoomSwitches;
  readonly #rtc: Rtc;
  #identity: string | undefined;
  readonly #open: RoomConnectionOptions['open'];
  readonly #onProblem: RoomConnectionOptions['onProblem'];
  readonly #beforeLeaving = new Set<() => Promise<unknown>>();
  /** Waiting until somebody is linked. */
  readonly #awaitingUser = new Set<() => void>();
  /** Null when the agent does not speak. */
  readonly #voice: RoomVoice | null;
  /** Null when it does not listen. */
  readonly #ear: RoomEar | null;
  /** Null for a room that others are in too: whoever joined it watches it. */
  readonly #network: RoomNetwork | null;
  readonly #permissions: RoomPermissions;
  readonly #sentRecordings: SentRecordings;
  readonly #userListeners = new Set<() => void>();
  readonly #regainListeners = new Set<(right: RoomRight) => void>();
  #user: RtcParticipant | null = null;
  #isReconnecting = false;
  /** False while the server has taken that right away. */
  #mayPublish = true;
  /** How often it has. */
  #timesMuted = 0;
  /** Identity of a user who was cut off. */
  #cutOff: string | null = null;
  #isOpen = false;
  /** Why the server did not let it come in: joining again would make a deleted room anew, or push somebody out. */
  #endOnTheWayIn: AgentError | null = null;
  #leaving: Promise<void> | null = null;

  /** @internal Before the room is joined: handlers that come later miss what happens on the way in. */
  constructor({
    rtc,
    room,
    identity,
    preConnectAudio,
    sentRecordings,
    open,
    switches = allOn(),
    onProblem,
  }: RoomConnectionOptions) {
    this.#rtc = rtc;
    this.#sentRecordings = sentRecordings;
    this.room = room;
    this.#identity = identity;
    this.#open = open;
    this.clock = open.clock;
    this.switches = switches;
    this.#onProblem = onProblem;
    const { clock } = open;
    this.#voice =
      open.audio?.output === false
        ? null
        : new RoomVoice({
            rtc,
            room,
            clock,
            isMuted: () => !switches.audioOutput,
            onStuck: () => this.#giveUp('the room takes no audio any more'),
            onRefused: (error) => onProblem('voice', error),
          });
    this.#ear =
      open.audio?.input === false
        ? null
        : new RoomEar({
            rtc,
            clock,
            preConnectAudio,
            sentRecordings,
            isOn: () => switches.audioInput,
            onFrame: (frame) => open.onFrame(frame),
            onProblem,
          });
    this.texts = new Outbox(clock, (error) => onProblem('text', error));
    this.attributes = new Outbox(clock, (error) => onProblem('attributes', error), ATTRIBUTES_MS);
    this.#network =
      room.isWatched === true ? null : new RoomNetwork({ room, clock, onLost: (reason) => this.#giveUp(reason) });
    this.#permissions = new RoomPermissions({
      room,
      clock,
      onTaken: (right, consequence) => this.#loseRight(right, consequence),
      onGiven: (right) => this.#regain(right),
    });
    this.#listen();
    this.#setUser(null);
  }

  /** Null when the agent does not speak. */
  get sink(): RoomSpeaker | null {
    return this.#voice?.sink ?? null;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whom the agent talks to; null while nobody is there. */
  get user(): RtcParticipant | null {
    return this.#user;
  }

  /** The user; while nobody is linked the next one to be, waited for a moment. For what may come before the link. */
  async userSoon(): Promise<RtcParticipant | null> {
    if (this.#user !== null) return this.#user;
    let linked = () => {};
    const waiting = new Promise<void>((resolve) => {
      linked = resolve;
    });
    this.#awaitingUser.add(linked);
    await withinMs(waiting, LINK_WAIT_MS, this.clock);
    this.#awaitingUser.delete(linked);
    return this.#user;
  }

  /** Does the user call by telephone, where nobody reads messages? */
  get isTelephone(): boolean {
    return this.#user?.kind === this.#rtc.ParticipantKind.SIP;
  }

  /** Track of the user's microphone, and of the agent's voice. Changes when the room is joined anew. */
  get trackSids(): { readonly user: string | undefined; readonly agent: string | undefined } {
    return { user: microphoneOf(this.#rtc, this.#user)?.sid, agent: this.#voice?.trackSid };
  }

  /** Publishes the voice at once (a telephone keeps ringing until there is a track), then links to who is there. */
  async begin(): Promise<void> {
    if (this.room.localParticipant === undefined) throw new Error('the room has no local participant');
    try {
      await this.#voice?.publish();
    } catch (error) {
      throw this.#endOnTheWayIn ?? error;
    }
    if (!this.room.isConnected) throw this.#endOnTheWayIn ?? new Error('the room was lost while joining');
    this.#permissions.begin();
    this.#network?.begin();
    this.#isOpen = true;
    for (const participant of this.room.remoteParticipants.values()) this.#link(participant);
  }

  /**
   * Talks to this participant from now on, as soon as it is there; undefined: to whoever is linked, or else comes first.
   * Who was linked before is heard no more, and ends nothing by leaving.
   */
  linkTo(identity: string | undefined): void {
    this.#identity = identity;
    if (identity === this.#user?.identity || (identity === undefined && this.#user !== null)) return;
    this.#ear?.forget();
    this.#unsubscribe();
    this.#cutOff = null;
    this.#setUser(null);
    for (const participant of this.room.remoteParticipants.values()) this.#link(participant);
  }

  /** Tells of something that went wrong beside the call; the call goes on. */
  problem(where: string, error: unknown): void {
    this.#onProblem(where, error);
  }

  /** Told when the agent talks to somebody else, or to nobody any more. */
  onUser(listener: () => void): void {
    this.#userListeners.add(listener);
  }

  /** Does the server refuse this to the agent at present? */
  lacks(right: RoomRight): boolean {
    return this.#permissions.lacks(right);
  }

  /** Told of rights that were taken away by the server and are back. */
  onRightGivenBack(listener: (right: RoomRight) => void): void {
    this.#regainListeners.add(listener);
  }

  /** Runs before the agent leaves, bounded; for streams that must be closed. Returns a function that takes it back. */
  beforeLeaving(run: () => Promise<unknown>): () => void {
    this.#beforeLeaving.add(run);
    return () => this.#beforeLeaving.delete(run);
  }

  /** Silent at once; then unpublishes, leaves, and frees the native parts. Never rejects. */
  close(): Promise<void> {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  async #leave(): Promise<void> {
    this.#isOpen = false;
    this.#network?.close();
    this.#permissions.close();
    this.#voice?.stop();
    this.#ear?.forget();
    if (this.room.isConnected) {
      await Promise.all([...this.#beforeLeaving].map((run) => this.#step('leave', run)));
      // The room may go on without this session, with nobody to hear that microphone.
      this.#unsubscribe();
      // A track that is not unpublished first stays behind in the library for the rest of the process. Of a room that is being
      // deleted the library may have dropped it already and say that there is no such track: nothing is left behind then.
      await this.#step('unpublish', async () => this.#voice?.unpublish().catch(() => {}));
    }
    this.texts.close();
    this.attributes.close();
    // After the server ended the room the library may reject here; there is nothing left to leave then.
    await this.#step('disconnect', () => this.room.disconnect());
    await this.#step('track', () => this.#voice?.close());
    this.room.removeAllListeners();
  }

  async #step(where: string, run: () => Promise<unknown> | undefined): Promise<void> {
    try {
      await withinMs(Promise.resolve(run()), LEAVE_STEP_MS, this.clock);
    } catch (error) {
      this.#onProblem(where, error);
    }
  }

  #listen(): void {
    const { room } = this;
    room.on('participantConnected', (participant) => this.#link(participant));
    room.on('participantDisconnected', (participant) => this.#unlink(participant));
    room.on('trackPublished', (publication, participant) => {
      if (participant.identity === this.#user?.identity) this.#subscribe([publication]);
    });
    room.on('trackSubscribed', (track, publication, { identity }) => {
      if (identity === this.#user?.identity && this.#isOpen) this.#ear?.hear(track, publication);
    });
    room.on('trackUnsubscribed', (track) => this.#ear?.stop(track));
    room.on('dtmfReceived', (code, _digit, { identity }) => {
      const digit = digitOf(code);
      if (identity === this.#user?.identity && this.#isOpen && digit !== undefined)
        this.#open.onEvent({ type: 'dtmf', digit });
    });
    room.on('reconnecting', () => {
      this.#isReconnecting = true;
      this.#hold();
    });
    room.on('reconnected', () => this.#reconnect());
    room.on('disconnected', (reason) => this.#lose(reason));
    room.registerTextStreamHandler(CHAT_TOPIC, (reader, from) => void this.#readText(reader, from.identity));
    if (this.#ear?.takesRecordings === true)
      room.registerByteStreamHandler(PRE_CONNECT_TOPIC, (reader, from) => this.#readRecording(reader, from.identity));
  }

  #loseRight(right: RoomRight, consequence: string): void {
    this.#onProblem(
      'permission',
      new AgentError('ERR_TRANSPORT', `the server took a right away: ${consequence}`, {
        field: right,
        fix: 'Give it back with updateParticipant of the server API; nothing else has to be done',
      }),
    );
    if (right !== 'canPublish') return;
    this.#mayPublish = false;
    this.#timesMuted++;
    this.#hold();
    void this.#step('unpublish', () => this.#voice?.unpublish());
  }

  #regain(right: RoomRight): void {
    if (right === 'canPublish') void this.#speakAgain();
    this.#subscribe();
    for (const listener of this.#regainListeners) listener(right);
  }

  async #speakAgain(): Promise<void> {
    const times = this.#timesMuted;
    const isStillGiven = () => times === this.#timesMuted;
    try {
      await this.#voice?.publishAnew();
    } catch (error) {
      if (isStillGiven()) this.#onProblem('permission', error);
    }
    if (!isStillGiven()) return;
    this.#mayPublish = true;
    this.#hold();
  }

  #subscribe(publications: Iterable<RtcPublication> = this.#user?.trackPublications.values() ?? []): void {
    if (!this.#isOpen) return;
    for (const publication of publications) this.#ear?.subscribe(publication);
  }

  #unsubscribe(): void {
    if (this.#user !== null) this.#ear?.unsubscribe(this.#user);
  }

  #link(participant: RtcParticipant): void {
    if (!this.#isOpen || this.#user !== null) return;
    if (this.#isReconnecting && this.#cutOff !== null && this.#cutOff !== participant.identity) return;
    if (!this.#isUser(participant)) return;
    this.#cutOff = null;
    // A recording that waits for this session comes before the microphone is heard.
    this.#setUser(participant);
    for (const linked of this.#awaitingUser) linked();
    this.#subscribe();
  }

  #setUser(user: RtcParticipant | null): void {
    this.#user = user;
    this.#hold();
    this.room.linkTo?.(user?.identity ?? this.#cutOff ?? this.#identity ?? null);
    for (const listener of this.#userListeners) listener();
  }

  #isUser(participant: RtcParticipant): boolean {
    const self = this.room.localParticipant?.identity ?? '';
    return isUser(this.#rtc, participant, { identity: this.#identity, self });
  }

  #unlink(participant: RtcParticipant): void {
    if (participant.identity !== this.#user?.identity) return;
    this.#ear?.forget();
    const reason = endOfUser(this.#rtc, participant.disconnectReason);
    if (reason === null) this.#cutOff = participant.identity;
    this.#setUser(null);
    if (reason === null) return;
    if (this.#isOpen) this.#open.onEvent({ type: 'closed', reason });
  }

  /**
   * A full reconnect first takes everybody out of the room and then lets them in again, in any order: the user keeps the
   * place. What was subscribed on the way is not, so it is asked for again.
   */
  #reconnect(): void {
    this.#isReconnecting = false;
    this.#cutOff = null;
    if (this.#user === null) this.#setUser(null);
    for (const participant of this.room.remoteParticipants.values()) this.#link(participant);
    this.#subscribe();
    this.#hold();
  }

  /** On a telephone what cannot be heard is not read either: it waits for the right to publish, as for the network. */
  #hold(): void {
    const waits = this.#isReconnecting || (!this.#mayPublish && this.isTelephone);
    if (this.#leaving === null) this.sink?.hold(waits);
  }

  #lose(why: number): void {
    const reason = endOfAgent(this.#rtc, why);
    if (reason === null) {
      this.#giveUp(`the room was lost (reason ${why})`);
      return;
    }
    const wasOpen = this.#isOpen;
    void this.close();
    if (wasOpen) this.#open.onEvent({ type: 'closed', reason });
    else
      this.#endOnTheWayIn = new AgentError('ERR_TRANSPORT', `the room could not be joined: ${reason}`, {
        retryable: false,
      });
  }

  /** The call goes on in a room joined anew. */
  #giveUp(reason: string): void {
    const wasOpen = this.#isOpen;
    void this.close();
    // An answer waits until there is a sink of the next stay, which says the rest of it, or until the hold is over by itself.
    this.sink?.hold(true);
    if (wasOpen) this.#open.onEvent({ type: 'lost', reason });
  }

  /** May come before the agent has published its voice and linked to anybody. */
  #readRecording(reader: RtcByteReader, identity: string): void {
    this.#sentRecordings.arrived(reader);
    const user = this.#user ?? [...this.room.remoteParticipants.values()].find((other) => this.#isUser(other));
    if (user?.identity === identity && this.#leaving === null) void this.#ear?.receive(reader);
    // Read or closed even when it is not wanted: a reader that is left alone stays in the library.
    else reader.close().catch((error: unknown) => this.#onProblem('pre-connect audio', error));
  }

  async #readText(reader: RtcTextReader, identity: string): Promise<void> {
    try {
      // Read even when it is not wanted: a reader that is left alone stays in the library for the rest of the process.
      if (identity !== (await this.userSoon())?.identity) return await reader.close();
      const text = await reader.readAll();
      if (this.#isOpen) this.#open.onEvent({ type: 'text', text });
    } catch (error) {
      this.#onProblem('chat', error);
    }
  }
}
