// The words of both sides as text streams and as the older transcription messages, in the order they were heard.

import type { RtcTextWriter } from '../rtc.ts';
import type { RoomConnection } from './room-connection.ts';

const TOPIC = 'lk.transcription';

export class RoomTranscripts {
  readonly #connection: RoomConnection;
  /** What was shown last of the agent's words. */
  #shown = { itemId: '', text: '' };
  /** Finals of one utterance so far: each begins a segment of its own. */
  #utterance = { id: -1, finals: 0 };

  constructor(connection: RoomConnection) {
    this.#connection = connection;
    connection.beforeLeaving(() => connection.texts.whenIdle());
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

  /**
   * `text` is all of the item that was heard so far. Every version is a whole stream here too: one that grows would still
   * be open when the user hangs up in mid-sentence, and the page of the user would throw.
   */
  agentSaid(itemId: string, text: string, isFinal: boolean): void {
    const { texts, switches } = this.#connection;
    if (!switches.transcription) return;
    const { itemId: shownId, text: shown } = this.#shown;
    if (!isFinal && itemId === shownId && text.length <= shown.length) return;
    this.#shown = { itemId, text };
    texts.push(() => this.#sendWhole(itemId, text, isFinal, undefined), `agent_${itemId}`);
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
}
