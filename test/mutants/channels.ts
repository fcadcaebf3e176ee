// Deliberate faults in the data channels of a room: each takes away the guard against one thing that a participant may send.
import type { MutantTable } from './mutant.ts';

const folder = 'src/transports/livekit';

export const agentControl: MutantTable = {
  folder,
  tests: ['test/transports/livekit/channels/agent-control.test.ts'],
  mutants: [
    {
      name: 'control: anyone in the room may control',
      file: 'channels/agent-control.ts',
      find: "if (this.#options.from === 'everyone' ||",
      replace: "if (this.#options.from !== '' ||",
    },
    {
      name: 'control: every verb may be used',
      file: 'channels/agent-control.ts',
      find: 'if (!this.#options.allow.includes(type)) throw notAllowed(type);',
      replace: '',
    },
    {
      name: 'control: a flood is taken',
      file: 'channels/agent-control.ts',
      find: 'if (!this.#taken.take(identity, nowMs)) {',
      replace: 'if (!this.#taken.take(identity, nowMs) && nowMs < 0) {',
    },
    {
      name: 'control: strangers are answered as often as they ask',
      file: 'channels/agent-control.ts',
      find: "if (this.#strangers.take('', nowMs))",
      replace: 'if (nowMs >= 0)',
    },
    {
      name: 'control: each refusal is a line in the log',
      file: 'channels/channel-stay.ts',
      find: 'this.#told.add(what);',
      replace: '',
    },
    {
      name: 'control: handlers of the host run without a bound',
      file: 'channels/agent-control.ts',
      find: "if (this.#running >= MAX_RUNNING) throw busy('Wait for the answers');",
      replace: '',
    },
    {
      name: 'control: a handler that hangs is waited for',
      file: 'channels/agent-control.ts',
      find: 'await withinMs(running, HANDLER_TIMEOUT_MS, clock)',
      replace: 'await running',
    },
    {
      name: 'control: the answer to `close` is lost',
      file: 'channels/channel-stay.ts',
      find: 'await this.#outbox.whenIdle();',
      replace: '',
    },
    {
      name: 'control: messages of any topic are taken',
      file: 'channels/agent-control.ts',
      find: 'topic !== CONTROL_TOPIC || ',
      replace: '',
    },
    {
      name: 'control: a message of any size is read',
      file: 'channels/control-protocol.ts',
      find: 'if (bytes.byteLength > MAX_CONTROL_BYTES)',
      replace: 'if (bytes.byteLength < 0)',
    },
    {
      name: 'control: a long key makes an error that cannot be sent',
      file: 'channels/control-protocol.ts',
      find: 'text?.slice(0, MAX_PART_CHARS)',
      replace: 'text',
    },
    {
      name: 'control: names of the prototype are types',
      file: 'channels/control-protocol.ts',
      find: 'Object.hasOwn(BODIES, type)',
      replace: 'type in BODIES',
    },
    {
      name: 'control: an answer larger than a packet is sent',
      file: 'channels/control-verbs.ts',
      find: 'if (bytes > MAX_CONTROL_BYTES) break;',
      replace: '',
    },
  ],
};

export const sessionChannel: MutantTable = {
  folder,
  tests: ['test/transports/livekit/channels/session-channel.test.ts'],
  mutants: [
    {
      name: 'session channel: anyone in the room is answered',
      file: 'channels/session-channel.ts',
      find: 'mayBeUser && open < MAX_OPEN',
      replace: 'open < MAX_OPEN',
    },
    {
      name: 'session channel: events are sent to pages that do not know it',
      file: 'channels/session-channel.ts',
      find: "shown.events === 'onRequest' && ",
      replace: 'false && ',
    },
    {
      name: 'session channel: events go to everyone in the room',
      file: 'channels/session-channel.ts',
      find: '{ topic: SESSION_TOPIC, destinationIdentities: [identity] }',
      replace: '{ topic: SESSION_TOPIC }',
    },
    {
      name: 'session channel: requests are read without a bound',
      file: 'channels/session-channel.ts',
      find: 'open < MAX_OPEN && ',
      replace: '',
    },
    {
      name: 'session channel: requests are answered without a bound',
      file: 'channels/session-channel.ts',
      find: ' && limit.take(identity, clock.now())',
      replace: '',
    },
    {
      name: 'session channel: a stream that never ends is waited for',
      file: 'channels/read-bytes.ts',
      find: 'const READ_LIMIT_MS = 5_000;',
      replace: 'const READ_LIMIT_MS = 5_000_000;',
    },
    {
      name: 'session channel: a request of any length is read',
      file: 'channels/read-bytes.ts',
      find: 'size > maxBytes',
      replace: 'size < 0',
    },
    {
      name: 'session channel: a reader that is not wanted is left open',
      file: 'channels/session-channel.ts',
      find: 'return stream.close();',
      replace: 'return;',
    },
    {
      name: 'session channel: a stream is left open when the agent leaves',
      file: 'channels/channel-stay.ts',
      find: 'await this.#outbox.whenIdle();',
      replace: '',
    },
    {
      name: 'session channel: a stream that could not be written is left open',
      file: 'channels/session-channel.ts',
      find: `    } finally {
      await writer.close();
    }`,
      replace: `      await writer.close();
    } finally {
    }`,
    },
    {
      name: 'session channel: a telephone is told events',
      file: 'channels/session-channel.ts',
      find: ' || stay.connection.isTelephone',
      replace: '',
    },
    {
      name: 'session channel: what waits for one user is told to the next',
      file: 'channels/session-channel.ts',
      find: 'if (stay.connection.user?.identity !== identity) return;',
      replace: '',
    },
    {
      name: 'session channel: statistics tell addresses',
      file: 'channels/session-requests.ts',
      find: '.filter((json) => SHOWN_STATS.some((kind) => isKind(json, kind)))',
      replace: '',
    },
    {
      name: 'session channel: instructions are told to the user',
      file: 'channels/session-requests.ts',
      find: 'context.showInstructions ?',
      replace: 'context.startedAtMs >= 0 ?',
    },
    {
      name: 'session channel: a long reply is answered too late',
      file: 'channels/session-requests.ts',
      find: 'const RUN_LIMIT_MS = 4_000;',
      replace: 'const RUN_LIMIT_MS = 6_000;',
    },
    {
      name: 'session channel: an item is told twice',
      file: 'channels/session-events.ts',
      find: 'this.#told.add(item.id);',
      replace: '',
    },
    {
      name: 'session channel: the text of an error is told',
      file: 'channels/session-events.ts',
      find: 'meaningOf(told.code)',
      replace: 'told.message',
    },
  ],
};
