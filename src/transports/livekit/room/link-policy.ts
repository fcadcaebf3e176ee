// Whom the agent talks to in a room, and which leavings end the call.
import type { Rtc, RtcParticipant } from '../rtc.ts';

export interface LinkOptions {
  /** Only this participant is listened to. Default: the first person, telephone or connector that comes. */
  readonly identity: string | undefined;
  /** Identity of the agent itself. */
  readonly self: string;
}

/** May the agent be linked to this participant? Agents, recorders and stand-ins of the agent are not people. */
export function isUser(rtc: Rtc, participant: RtcParticipant, { identity, self }: LinkOptions): boolean {
  if (isStandIn(participant, self)) return false;
  if (identity !== undefined) return participant.identity === identity;
  return isPerson(kindOf(rtc, participant.kind));
}

export type ParticipantKind = 'standard' | 'ingress' | 'egress' | 'sip' | 'agent' | 'connector' | 'other';

/** By the names of the library: its numbers are not those of the protocol. */
export function kindOf({ ParticipantKind: kinds }: Rtc, kind: number): ParticipantKind {
  switch (kind) {
    case kinds.STANDARD:
      return 'standard';
    case kinds.INGRESS:
      return 'ingress';
    case kinds.EGRESS:
      return 'egress';
    case kinds.SIP:
      return 'sip';
    case kinds.AGENT:
      return 'agent';
    case kinds.CONNECTOR:
      return 'connector';
    default:
      return 'other';
  }
}

/** Somebody who talks for themselves: other agents, recorders and streams do not. */
export function isPerson(kind: ParticipantKind): boolean {
  return kind === 'standard' || kind === 'sip' || kind === 'connector';
}

/** An avatar of the agent, for instance: what it publishes is the agent's own. */
export function isStandIn({ attributes }: Pick<RtcParticipant, 'attributes'>, self: string): boolean {
  return attributes['lk.publish_on_behalf'] === self;
}

/** Why the call is over when the user left; null: they were only cut off and may come back. */
export function endOfUser(rtc: Rtc, reason: number | undefined): string | null {
  const { DisconnectReason: why } = rtc;
  switch (reason) {
    case why.CLIENT_INITIATED:
      return 'the user left';
    case why.ROOM_DELETED:
      return 'the room was deleted';
    case why.USER_REJECTED:
      return 'the user declined the call';
    case why.USER_UNAVAILABLE:
      return 'the user could not be reached';
    case why.SIP_TRUNK_FAILURE:
      return 'the telephone line failed';
    case why.PARTICIPANT_REMOVED:
      return 'the user was removed';
    default:
      return null;
  }
}

/** Why the call is over when the agent itself was disconnected; null: the network failed and joining again helps. */
export function endOfAgent(rtc: Rtc, reason: number): string | null {
  const { DisconnectReason: why } = rtc;
  switch (reason) {
    case why.CLIENT_INITIATED:
      return 'the agent left';
    case why.ROOM_DELETED:
      return 'the room was deleted';
    case why.ROOM_CLOSED:
      return 'the room was closed';
    case why.PARTICIPANT_REMOVED:
      return 'the agent was removed';
    case why.DUPLICATE_IDENTITY:
      // Joining again would push out whoever took the place, and so on for ever.
      return 'another participant took the identity of the agent';
    default:
      return null;
  }
}
