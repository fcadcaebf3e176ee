// Deliberate faults in the LiveKit transport: each takes away the guard against one trap of the native library or the server.
import type { MutantTable } from './mutant.ts';

export const room: MutantTable = {
  folder: 'src/transports/livekit',
  tests: ['test/transports/livekit'],
  mutants: [
    {
      name: 'a piece is a view of a larger buffer: the library plays other memory',
      file: 'room/room-speaker.ts',
      find: 'new Int16Array(this.#queue.take(count))',
      replace: 'new Int16Array(count + 240).subarray(240)',
    },
    {
      name: 'the queue of the source is no multiple of 10 ms: the process aborts',
      file: 'room/room-speaker.ts',
      find: 'SOURCE_QUEUE_MS = 200',
      replace: 'SOURCE_QUEUE_MS = 205',
    },
    {
      name: 'two pieces are handed over beside each other: the library refuses the second',
      file: 'room/room-speaker.ts',
      find: 'if (this.#inFlightSinceMs !== null) {',
      replace: 'if (this.#inFlightSinceMs === -1) {',
    },
    {
      name: 'a refused piece ends the pump: the voice is dead',
      file: 'room/room-speaker.ts',
      find: `      this.#refused(error);
    }
    this.#inFlightSinceMs = null;`,
      replace: `      this.#refused(error);
      return;
    }
    this.#inFlightSinceMs = null;`,
    },
    {
      name: 'the rest under 10 ms is not padded: it is glued to the next reply',
      file: 'room/room-speaker.ts',
      find: 'this.#ended ? Math.ceil(this.#queue.length / step) * step : whole',
      replace: 'whole',
    },
    {
      name: 'the native queue is not cleared at a flush',
      file: 'room/room-speaker.ts',
      find: 'this.#source.clearQueue();',
      replace: '',
    },
    {
      name: 'the own queue is not cleared at a flush: the pump fills the room again',
      file: 'room/room-speaker.ts',
      find: 'this.#queue.clear();',
      replace: '',
    },
    {
      name: 'a closed source is cleared, which throws',
      file: 'room/room-speaker.ts',
      find: 'if (this.#isClosed) return; // the source may be gone, and clearing a closed one throws',
      replace: '',
    },
    {
      name: 'audio is handed over while the room reconnects, and counted as heard',
      file: 'room/room-speaker.ts',
      find: 'if (this.#isClosed || this.#heldSinceMs !== null) return;',
      replace: 'if (this.#isClosed) return;',
    },
    {
      name: 'an answer that begins long after a hold has no time to wait',
      file: 'room/room-speaker.ts',
      find: 'if (this.#isHeld && isFirst && isWaiting) this.#wait();',
      replace: '',
    },
    {
      name: 'a track that is being published is not taken back: the agent is mute when it may speak again',
      file: 'room/room-voice.ts',
      find: 'const done = this.#last.then(run);',
      replace: 'const done = run();',
    },
    {
      name: 'the voice is made before its room is joined: freed later, it breaks the process',
      file: 'room/room-voice.ts',
      find: 'this.sink = new RoomSpeaker(',
      replace: 'this.#track = this.#trackOverSource(); this.sink = new RoomSpeaker(',
    },
    {
      name: 'a right that was taken away once more counts as given',
      file: 'room/room-connection.ts',
      find: 'if (!isStillGiven()) return;',
      replace: '',
    },
    {
      name: 'an agent that is removed while it joins comes back',
      file: 'room/room-connection.ts',
      find: 'throw this.#endOnTheWayIn ?? error;',
      replace: 'throw error;',
    },
    {
      name: 'what waited too long is kept for ever',
      file: 'room/room-speaker.ts',
      find: 'this.#timer = this.#clock.setTimeout(() => this.#goOn(), LONGEST_HOLD_MS);',
      replace: '',
    },
    {
      name: 'a reconnect that hangs is waited for: the answer passes unheard',
      file: 'room/room-network.ts',
      find: 'if (!this.#isReconnecting) this.#in(LONGEST_RECONNECT_MS,',
      replace: 'if (this.#isReconnecting) this.#in(LONGEST_RECONNECT_MS,',
    },
    {
      name: 'a library that takes in nothing any more is not noticed: the agent stays deaf and mute',
      file: 'room/room-network.ts',
      find: "else if (this.#hasAnswered) this.#lose('the server does not answer any more');",
      replace: '',
    },
    {
      name: 'a server that never answered such a request loses its calls every 16 s',
      file: 'room/room-network.ts',
      find: 'else if (this.#hasAnswered) this.#lose(',
      replace: 'else this.#lose(',
    },
    {
      name: 'one answer that the library loses is not asked for again: a call in good health joins its room anew',
      file: 'room/room-network.ts',
      find: 'if (this.#options.clock.now() - sinceMs < LONGEST_SILENCE_MS) this.#ask(round, sinceMs);',
      replace: 'if (sinceMs < 0) this.#ask(round, sinceMs);',
    },
    {
      name: 'a server is asked without the right to it, and logs each request',
      file: 'room/room-network.ts',
      find: 'if (self?.info?.permission?.canUpdateMetadata === false) return true;',
      replace: '',
    },
    {
      name: 'a room that several share is not watched',
      file: 'room/shared-room.ts',
      find: '      network.begin();\n',
      replace: '',
    },
    {
      name: 'who comes in while a private voice is being published lets everybody hear it',
      file: 'room/shared-room.ts',
      find: '[...tracks, ...this.#unnamed]',
      replace: 'tracks',
    },
    {
      name: 'control: every session of the room answers',
      file: 'channels/agent-control.ts',
      find: 'if (connection.room.isElsewhere?.(participant.identity) === true && !this.#isNamed(participant.identity)) return;',
      replace: '',
    },
    {
      name: 'control: a session that does not listen keeps others from answering',
      file: 'room/shared-room.ts',
      find: '.find(({ answersControl }) => answersControl);',
      replace: '[0];',
    },
    {
      name: 'a session takes the streams of the user of another',
      file: 'room/shared-room.ts',
      find: 'return seats.sort((a, b) => b.nearnessTo(identity) - a.nearnessTo(identity));',
      replace: 'return seats;',
    },
    {
      name: 'a native side that hangs is not told',
      file: 'room/room-speaker.ts',
      find: 'this.#onStuck?.();',
      replace: '',
    },
    {
      name: 'output is not joined to pieces of 40 ms and more',
      file: 'room/room-speaker.ts',
      find: 'aheadMs > LOW_WATER_MS',
      replace: 'false',
    },
    {
      name: 'the library retries a join under the same identity: the server ends the job',
      file: 'livekit-transport.ts',
      find: 'joinRetries: 0,',
      replace: 'joinRetries: 1,',
    },
    {
      name: 'a join that was given up is not waited for by the next one',
      file: 'livekit-transport.ts',
      find: 'this.#discarded = Promise.all([this.#discarded, left]);',
      replace: 'void left;',
    },
    {
      name: 'a join has no deadline',
      file: 'livekit-transport.ts',
      find: 'return await withinMs(Promise.race([promise, aborted]), limitMs, clock);',
      replace: 'return await Promise.race([promise, aborted]);',
    },
    {
      name: 'everything in the room is subscribed and decoded',
      file: 'livekit-transport.ts',
      find: 'autoSubscribe: false',
      replace: 'autoSubscribe: true',
    },
    {
      name: 'the token is shown in the error of a failed join',
      file: 'livekit-transport.ts',
      find: ".replaceAll(/access_token=[^&\\s\"')]+/g, 'access_token=...')",
      replace: '',
    },
    {
      name: 'the library is loaded in a worker thread, where it steals the answers of the first',
      file: 'rtc.ts',
      find: 'if (!isMainThread)',
      replace: 'if (isMainThread === undefined)',
    },
    {
      name: 'the library is not disposed of: the process never ends',
      file: 'rtc.ts',
      find: 'await (await loaded).dispose();',
      replace: '',
    },
    {
      name: 'the track is not unpublished before leaving: it stays in the library',
      file: 'room/room-connection.ts',
      find: `      await this.#step('unpublish', async () => this.#voice?.unpublish().catch(() => {}));
    }
    this.texts`,
      replace: `    }
    this.texts`,
    },
    {
      name: 'the track and its source are not freed: a timer thread stays for each',
      file: 'room/room-connection.ts',
      find: "await this.#step('track', () => this.#voice?.close());",
      replace: '',
    },
    {
      name: 'a disconnect that rejects is not caught',
      file: 'room/room-connection.ts',
      find: "await this.#step('disconnect', () => this.room.disconnect());",
      replace: 'await this.room.disconnect();',
    },
    {
      name: 'an answer is given up with the room that was lost',
      file: 'room/room-connection.ts',
      find: 'this.sink?.hold(true);',
      replace: '',
    },
    {
      name: 'what was subscribed before a reconnect is not asked for again',
      file: 'room/room-connection.ts',
      find: 'this.#subscribe();\n    this.#hold();',
      replace: 'this.#hold();',
    },
    {
      name: 'a session that ends takes the microphone from another that hears it',
      file: 'room/subscriptions.ts',
      find: 'if (audience.listeners.size > 0 || audience.isLetGo) return;',
      replace: 'if (audience.isLetGo) return;',
    },
    {
      name: 'a track that is still ending is taken for one that is there: nobody is heard',
      file: 'room/subscriptions.ts',
      find: '(publication.track !== undefined && !audience.isLetGo)) return;',
      replace: 'publication.track !== undefined) return;',
    },
    {
      name: 'an end and a new beginning come close together: the server does neither, and nobody is heard',
      file: 'room/subscriptions.ts',
      find: 'audience.isEnding || (',
      replace: '(',
    },
    {
      name: 'participants who were there before are not seen',
      file: 'room/room-connection.ts',
      find: `    this.#isOpen = true;
    for (const participant of this.room.remoteParticipants.values()) this.#link(participant);`,
      replace: '    this.#isOpen = true;',
    },
    {
      name: 'a text of somebody else is left unread: its reader stays in the library',
      file: 'room/room-connection.ts',
      find: 'return await reader.close();',
      replace: 'return;',
    },
    {
      name: 'a stream that is read no more is not cancelled and grows without bound',
      file: 'room/read-track.ts',
      find: 'reader.cancel().catch(() => {}); // already ended',
      replace: '',
    },
    {
      name: 'a frame is not copied: the library uses its memory again',
      file: 'room/microphone.ts',
      find: 'new Int16Array(data)',
      replace: 'data',
    },
    {
      name: 'a send that fails stops the ones behind it',
      file: 'outbox.ts',
      find: 'if (!this.#isClosed) this.#onFailure(error);',
      replace: 'this.#onFailure(error); return;',
    },
    {
      name: 'a send that hangs holds the ones behind it for ever',
      file: 'outbox.ts',
      find: 'await withinMs(send.run(), this.#longestSendMs, this.#clock);',
      replace: 'await send.run();',
    },
    {
      name: 'sends that nobody takes pile up',
      file: 'outbox.ts',
      find: 'if (this.#waiting.length > MAX_WAITING) this.#waiting.shift();',
      replace: '',
    },
    {
      name: 'another agent is taken for the user',
      file: 'room/link-policy.ts',
      find: 'return isPerson(kindOf(rtc, participant.kind));',
      replace: 'return true;',
    },
    {
      name: 'a user whose network broke ends the call',
      file: 'room/link-policy.ts',
      find: `      return 'the user was removed';
    default:
      return null;`,
      replace: `      return 'the user was removed';
    default:
      return 'gone';`,
    },
    {
      name: 'the identity is fought for with whoever took it',
      file: 'room/link-policy.ts',
      find: "return 'another participant took the identity of the agent';",
      replace: 'return null;',
    },
    {
      name: 'an attribute is sent although it did not change: a round trip each',
      file: 'room/room-io.ts',
      find: 'if (next === null || next === shown || connection === null) return;',
      replace: 'if (next === null || connection === null) return;',
    },
  ],
};
