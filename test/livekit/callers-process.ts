// Several callers in one process, each in a room of its own: cheaper than a process for each on a small machine.
import { RoomEvent } from '@livekit/rtc-node';
import type { CallerCommand, CallerFact, CallerReport } from './callers-protocol.ts';
import { obeyTest, RoomUser } from './room-user.ts';

const callers = new Map<string, RoomUser>();
const send = (report: CallerReport) => process.send?.(report);
const tell = (room: string, fact: CallerFact) => send({ room, atMs: Date.now(), ...fact });

/** Who calls again takes the place of the one before, whose library may be in any state and may try for ever. */
async function join({ room: name, url, token }: Extract<CallerCommand, { type: 'join' }>): Promise<void> {
  const before = callers.get(name);
  const say = (fact: CallerFact) => {
    if (callers.get(name) === caller) tell(name, fact);
  };
  const caller = new RoomUser(say);
  const { room } = caller;
  callers.set(name, caller);
  room.on(RoomEvent.ParticipantConnected, ({ identity }) => say({ type: 'came', identity }));
  room.on(RoomEvent.ParticipantDisconnected, ({ identity }) => say({ type: 'went', identity }));
  room.on(RoomEvent.Disconnected, (reason) => {
    say({ type: 'left', reason });
    if (callers.get(name) === caller) callers.delete(name);
    void caller.closeMicrophone();
  });
  const show = (identity: string, { 'lk.agent.state': state }: Readonly<Record<string, string>>) => {
    if (state !== undefined) say({ type: 'state', identity, state });
  };
  room.on(RoomEvent.ParticipantAttributesChanged, (changed, { identity }) => show(identity, changed));
  await caller.join(url, token);
  void before?.room.disconnect().catch(() => {});
  for (const { identity, attributes } of room.remoteParticipants.values()) {
    say({ type: 'came', identity });
    show(identity, attributes);
  }
  say({ type: 'joined' });
}

async function speak({ room, durationMs, hz }: Extract<CallerCommand, { type: 'speak' }>): Promise<void> {
  const caller = callers.get(room);
  if (caller === undefined) throw new Error(`nobody is in ${room}`);
  await caller.speak(durationMs, hz);
  tell(room, { type: 'said' });
}

obeyTest<CallerCommand>(
  () => [...callers.values()].map(({ room }) => room),
  (command) => {
    switch (command.type) {
      case 'join':
        return join(command);
      case 'speak':
        return speak(command);
      case 'leave':
        return callers.get(command.room)?.room.disconnect();
    }
  },
  ({ type, room }, message) => tell(room, { type: 'failed', command: type, message }),
);
