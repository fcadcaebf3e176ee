// Several callers in one process, each in a room of its own: cheaper than a process for each on a small machine.
import { RoomEvent } from '@livekit/rtc-node';
import type { CallerCommand, CallerFact, CallerReport } from './callers-protocol.ts';
import { obeyTest, RoomUser } from './room-user.ts';

const callers = new Map<string, RoomUser>();
const send = (report: CallerReport) => process.send?.(report);
const tell = (room: string, fact: CallerFact) => send({ room, atMs: Date.now(), ...fact });

async function join({ room: name, url, token }: Extract<CallerCommand, { type: 'join' }>): Promise<void> {
  const caller = new RoomUser((fact) => tell(name, fact));
  const { room } = caller;
  callers.set(name, caller);
  room.on(RoomEvent.ParticipantConnected, ({ identity }) => tell(name, { type: 'came', identity }));
  room.on(RoomEvent.ParticipantDisconnected, ({ identity }) => tell(name, { type: 'went', identity }));
  room.on(RoomEvent.Disconnected, (reason) => {
    tell(name, { type: 'left', reason });
    if (callers.get(name) !== caller) return;
    callers.delete(name);
    void caller.closeMicrophone();
  });
  const show = (identity: string, { 'lk.agent.state': state }: Readonly<Record<string, string>>) => {
    if (state !== undefined) tell(name, { type: 'state', identity, state });
  };
  room.on(RoomEvent.ParticipantAttributesChanged, (changed, { identity }) => show(identity, changed));
  await caller.join(url, token);
  for (const { identity, attributes } of room.remoteParticipants.values()) {
    tell(name, { type: 'came', identity });
    show(identity, attributes);
  }
  tell(name, { type: 'joined' });
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
