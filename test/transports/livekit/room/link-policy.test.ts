import { describe, expect, test } from 'vitest';
import {
  endOfAgent,
  endOfUser,
  isPerson,
  isUser,
  kindOf,
} from '../../../../src/transports/livekit/room/link-policy.ts';
import { FakeParticipant, FakeRtcWorld, KIND, WHY } from '../fake-rtc.ts';

const { rtc } = new FakeRtcWorld();
const anyone = { identity: undefined, self: 'agent' };

describe('whom the agent talks to', () => {
  test.each([
    ['STANDARD', true],
    ['SIP', true],
    ['CONNECTOR', true],
    ['AGENT', false],
    ['EGRESS', false],
    ['INGRESS', false],
  ] as const)('a participant of kind %s: %s', (kind, expected) => {
    expect(isUser(rtc, new FakeParticipant('p', KIND[kind]), anyone)).toBe(expected);
  });

  test('with an identity given only that one, whatever its kind', () => {
    const only = { identity: 'b', self: 'agent' };
    expect(isUser(rtc, new FakeParticipant('a'), only)).toBe(false);
    expect(isUser(rtc, new FakeParticipant('b', KIND.AGENT), only)).toBe(true);
  });

  test('not whoever publishes on behalf of this agent; one that stands in for another agent may be a user', () => {
    const standIn = (self: string) => new FakeParticipant('p', KIND.STANDARD, { 'lk.publish_on_behalf': self });
    expect(isUser(rtc, standIn('agent'), anyone)).toBe(false);
    expect(isUser(rtc, standIn('other'), anyone)).toBe(true);
  });
});

test('kinds go by the names of the library, whatever its numbers are', () => {
  const kinds = { STANDARD: 3, INGRESS: 5, EGRESS: 7, SIP: 1, AGENT: 0, CONNECTOR: 2 };
  const named = [0, 1, 2, 3, 4, 5, 7].map((kind) => kindOf({ ...rtc, ParticipantKind: kinds }, kind));
  expect(named).toEqual(['agent', 'sip', 'connector', 'standard', 'other', 'ingress', 'egress']);
  expect(named.filter(isPerson)).toEqual(['sip', 'connector', 'standard']);
});

describe('which leaving ends the call', () => {
  test.each([
    ['CLIENT_INITIATED', true],
    ['ROOM_DELETED', true],
    ['USER_REJECTED', true],
    ['USER_UNAVAILABLE', true],
    ['SIP_TRUNK_FAILURE', true],
    ['PARTICIPANT_REMOVED', true],
    ['UNKNOWN', false],
    ['SIGNAL_CLOSE', false],
    ['CONNECTION_TIMEOUT', false],
    ['DUPLICATE_IDENTITY', false],
  ] as const)('of the user, for %s: %s', (reason, ends) => {
    expect(endOfUser(rtc, WHY[reason]) !== null).toBe(ends);
  });

  test('not a leaving without a reason', () => {
    expect(endOfUser(rtc, undefined)).toBeNull();
  });

  test.each([
    ['CLIENT_INITIATED', true],
    ['ROOM_DELETED', true],
    ['ROOM_CLOSED', true],
    ['PARTICIPANT_REMOVED', true],
    ['DUPLICATE_IDENTITY', true],
    ['UNKNOWN', false],
    ['SERVER_SHUTDOWN', false],
    ['SIGNAL_CLOSE', false],
    ['CONNECTION_TIMEOUT', false],
  ] as const)('of the agent, for %s: %s', (reason, ends) => {
    expect(endOfAgent(rtc, WHY[reason]) !== null).toBe(ends);
  });
});
