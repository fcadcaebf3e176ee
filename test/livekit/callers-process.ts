// Several callers in one process, each in a room of its own: cheaper than a process for each on a small machine.
import {
  AudioSource,
  type AudioStream,
  dispose,
  LocalAudioTrack,
  Room,
  RoomEvent,
  TrackPublishOptions,
  TrackSource,
} from '@livekit/rtc-node';
import type { CallerCommand, CallerFact, CallerReport } from './callers-protocol.ts';
import { listen, RATE, tone } from './sounds.ts';

interface Caller {
  readonly room: Room;
  readonly source: AudioSource;
  generation: number;
}

const callers = new Map<string, Caller>();
const send = (report: CallerReport) => process.send?.(report);
const tell = (room: string, fact: CallerFact) => send({ room, atMs: Date.now(), ...fact });

async function join({ room: name, url, token }: Extract<CallerCommand, { type: 'join' }>): Promise<void> {
  const room = new Room();
  const source = new AudioSource(RATE, 1, 200);
  callers.set(name, { room, source, generation: 0 });
  room.on(RoomEvent.ParticipantConnected, ({ identity }) => tell(name, { type: 'came', identity }));
  room.on(RoomEvent.ParticipantDisconnected, ({ identity }) => tell(name, { type: 'went', identity }));
  room.on(RoomEvent.Disconnected, (reason) => {
    tell(name, { type: 'left', reason });
    if (callers.get(name)?.room !== room) return;
    callers.delete(name);
    void source.close();
  });
  room.on(RoomEvent.TrackSubscribed, (remote, _publication, { identity }) => {
    tell(name, { type: 'track', identity });
    // Only audio is published in these tests.
    const audio = remote as ConstructorParameters<typeof AudioStream>[0];
    void listen(audio, (sound) => tell(name, { type: 'sound', identity, ...sound }));
  });
  const show = (identity: string, { 'lk.agent.state': state }: Readonly<Record<string, string>>) => {
    if (state !== undefined) tell(name, { type: 'state', identity, state });
  };
  room.on(RoomEvent.ParticipantAttributesChanged, (changed, { identity }) => show(identity, changed));
  await room.connect(url, token, { autoSubscribe: true, dynacast: false });
  for (const { identity, attributes } of room.remoteParticipants.values()) {
    tell(name, { type: 'came', identity });
    show(identity, attributes);
  }
  const track = LocalAudioTrack.createAudioTrack('microphone', source);
  await room.localParticipant?.publishTrack(track, new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE }));
  tell(name, { type: 'joined' });
}

async function speak({ room, durationMs, hz }: Extract<CallerCommand, { type: 'speak' }>): Promise<void> {
  const caller = callers.get(room);
  if (caller === undefined) throw new Error(`nobody is in ${room}`);
  const mine = ++caller.generation;
  await tone(caller.source, { durationMs, hz, isWanted: () => mine === caller.generation });
  tell(room, { type: 'said' });
}

async function obey(command: CallerCommand): Promise<void> {
  switch (command.type) {
    case 'join':
      return join(command);
    case 'speak':
      return speak(command);
    case 'leave':
      return callers.get(command.room)?.room.disconnect();
    case 'exit':
      await Promise.all([...callers.values()].map(({ room }) => room.disconnect().catch(() => {})));
      await dispose();
      process.exit(0);
  }
}

process.on('message', (message) => {
  const command = message as CallerCommand; // sent by callers.ts only
  obey(command).catch((error: unknown) => {
    if (command.type !== 'exit') tell(command.room, { type: 'failed', command: command.type, message: String(error) });
  });
});
process.on('disconnect', () => process.exit(0));
send({ type: 'ready' });
