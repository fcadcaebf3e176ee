// One stay of a data channel in a room: what it sends, in order, and what it tells the host of, once.
import { Outbox } from '../outbox.ts';
import type { RoomConnection } from '../room/room-connection.ts';
import type { RtcLocalParticipant } from '../rtc.ts';

export class ChannelStay {
  readonly connection: RoomConnection;
  readonly #topic: string;
  readonly #outbox: Outbox;
  /** Kinds of problems that were told. */
  readonly #told = new Set<string>();

  /** Before the room is joined. */
  constructor(connection: RoomConnection, topic: string) {
    this.connection = connection;
    this.#topic = topic;
    this.#outbox = new Outbox(connection.clock, (error) => this.problem('a message was not sent', error));
    connection.room.on('disconnected', () => this.#outbox.close());
    // What is under way is finished first: a stream left open when the agent leaves makes the user's page throw.
    connection.beforeLeaving(async () => {
      await this.#outbox.whenIdle();
      this.#outbox.close();
    });
  }

  /** Queues a send; of those that wait under one key only the newest is done. Nothing is sent once the room is gone. */
  send(run: (self: RtcLocalParticipant) => Promise<unknown>, key: string | null = null): void {
    this.#outbox.push(async () => {
      const { isConnected, localParticipant } = this.connection.room;
      if (isConnected && localParticipant !== undefined) await run(localParticipant);
    }, key);
  }

  /** The first of its kind: a participant must not be able to fill the log. */
  problem(what: string, error: unknown): void {
    if (this.#told.has(what)) return;
    this.#told.add(what);
    this.connection.problem(`${this.#topic}: ${what}`, error);
  }
}
