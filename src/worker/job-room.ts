// The room of a job as transport of its session; the job hears from it where the agent is and who else is there.
import { type LivekitTransport, livekitTransport, type Rtc } from '../transports/livekit/index.ts';
import type { RtcParticipant } from '../transports/livekit/rtc.ts';
import type { JobContext } from './job-context.ts';
import type { JobParticipant } from './job-info.ts';

/** Fields that the room library has and the transport itself has no use for. */
type FullParticipant = RtcParticipant & { readonly sid?: string; readonly name?: string; readonly metadata?: string };

/** Joins with the job's own token. `load` is for tests. */
export function jobRoom(job: JobContext, load?: () => Promise<Rtc>): LivekitTransport {
  const transport = livekitTransport({
    url: job.url,
    // Every attempt to join counts as joining: the server may take the end of the attempt before for the end of the job.
    getToken: () => {
      job.reportPresence('joining');
      return { token: job.token };
    },
    onProblem: ({ where }) => job.log.warn({ where }, 'a message to the room was not sent'),
    ...(load !== undefined && { load }),
  });
  transport.onConnection(({ room }) => {
    job.reportPresence('joined');
    for (const participant of room.remoteParticipants.values()) job.participantJoined(participantOf(participant));
    room.on('participantConnected', (participant) => job.participantJoined(participantOf(participant)));
    room.on('participantDisconnected', ({ identity }) => job.participantLeft(identity));
    room.on('disconnected', () => job.reportPresence('left'));
  });
  return transport;
}

const KINDS: readonly JobParticipant['kind'][] = ['standard', 'ingress', 'egress', 'sip', 'agent'];

function participantOf(participant: FullParticipant): JobParticipant {
  const { identity, attributes, kind, sid = '', name = '', metadata = '' } = participant;
  return { sid, identity, name, metadata, attributes: { ...attributes }, kind: KINDS[kind] ?? 'other' };
}
