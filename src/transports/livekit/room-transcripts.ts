// The words of both sides as text streams and as the older transcription messages, in the order they were heard.
import type { RoomConnection } from './room-connection.ts';
import type { RtcTextWriter } from './rtc.ts';

const TOPIC = 'lk.transcription';

/** What the agent is saying: one stream that grows with what was heard. */
interface Speech {
  readonly itemId: string;
  sent: string;
  writer: RtcTextWriter | null;
}

export class RoomTranscripts {
  readonly #connection: RoomConnection;
  #speech: Speech | null = null;
  /** Finals of one utterance so far: each begins a segment of its own. */
  #utterance = { id: -1, finals: 0 };

  constructor(connection: RoomConnection) {
    this.#connection = connection;
    // A stream left open when the agent leaves makes the user's page throw.
    connection.beforeLeaving(() => this.#finish());
  }

  /** Every version is a whole stream under the same segment, in the name of the user. */
  userSaid(utterance: number, text: string, isFinal: boolean): void {
    const { user, texts } = this.#connection;
    if (user === null || !this.#connection.switches.transcription) return;
    if (this.#utterance.id !== utterance) this.#utterance = { id: utterance, finals: 0 };
    const segment = `user_${utterance}_${this.#utterance.finals}`;
    if (isFinal) this.#utterance.finals++;
    const { identity } = user;
    // Under one key, so that of several interim versions only the newest is sent.
    texts.push(() => this.#sendWhole(segment, text, isFinal, identity), segment);
  }

  /** `text` is all of the item that was heard so far. */
  agentSaid(itemId: string, text: string, isFinal: boolean): void {
    const { texts, switches } = this.#connection;
    if (!switches.transcription) texts.push(() => this.#closeWriter(), 'transcription off');
    else if (isFinal) texts.push(() => this.#end(itemId, text));
    else texts.push(() => this.#grow(itemId, text), `agent_${itemId}`);
  }

  async #grow(itemId: string, text: string): Promise<void> {
    if (this.#speech?.itemId !== itemId) {
      await this.#closeWriter();
      this.#speech = { itemId, sent: '', writer: null };
    }
    const speech = this.#speech;
    if (speech === null || !text.startsWith(speech.sent) || text.length === speech.sent.length) return;
    speech.writer ??= (await this.#open(itemId, false, undefined)) ?? null;
    await speech.writer?.write(text.slice(speech.sent.length));
    speech.sent = text;
    await this.#sendOld(itemId, text, false, undefined);
  }

  async #end(itemId: string, text: string): Promise<void> {
    await this.#closeWriter();
    // The stream so far cannot be marked final when it closes; a whole one under the same segment replaces it.
    await this.#sendWhole(itemId, text, true, undefined);
  }

  async #sendWhole(segment: string, text: string, isFinal: boolean, identity: string | undefined): Promise<void> {
    const writer = await this.#open(segment, isFinal, identity);
    await writer?.write(text);
    await writer?.close();
    await this.#sendOld(segment, text, isFinal, identity);
  }

  async #open(segment: string, isFinal: boolean, identity: string | undefined): Promise<RtcTextWriter | undefined> {
    const { room } = this.#connection;
    if (!room.isConnected) return undefined;
    const trackSid = this.#trackSid(identity);
    return room.localParticipant?.streamText({
      topic: TOPIC,
      attributes: {
        'lk.segment_id': segment,
        'lk.transcription_final': String(isFinal),
        ...(trackSid !== undefined && { 'lk.transcribed_track_id': trackSid }),
      },
      ...(identity !== undefined && { senderIdentity: identity }),
    });
  }

  /** For clients that read transcriptions from the track they belong to. */
  async #sendOld(id: string, text: string, final: boolean, identity: string | undefined): Promise<void> {
    const { room } = this.#connection;
    const self = room.localParticipant;
    const trackSid = this.#trackSid(identity);
    if (self === undefined || !room.isConnected || trackSid === undefined) return;
    await self.publishTranscription({
      participantIdentity: identity ?? self.identity,
      trackSid,
      segments: [{ id, text, final, startTime: 0n, endTime: 0n, language: '' }],
    });
  }

  #trackSid(identity: string | undefined): string | undefined {
    const { agent, user } = this.#connection.trackSids;
    return identity === undefined ? agent : user;
  }

  async #closeWriter(): Promise<void> {
    const writer = this.#speech?.writer;
    this.#speech = null;
    await writer?.close();
  }

  async #finish(): Promise<void> {
    await this.#connection.texts.whenIdle();
    await this.#closeWriter();
  }
}
