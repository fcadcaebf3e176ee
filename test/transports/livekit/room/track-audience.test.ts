import { expect, test } from 'vitest';
import { audienceOf, limitTracks } from '../../../../src/transports/livekit/room/track-audience.ts';
import { FakeRtcWorld } from '../fake-rtc.ts';

const track = (sid: string | undefined, listener: string | null) => ({ sid, listener });

test('without private tracks there is no limit, and with one everybody is named', () => {
  expect(audienceOf([], ['ann'])).toBeNull();
  expect(audienceOf([track('A', null)], ['ann'])).toBeNull();
  expect(audienceOf([track('A', null), track('B', 'bob')], ['ann', 'bob'])).toEqual([
    { identity: 'ann', trackSids: ['A'] },
    { identity: 'bob', trackSids: ['A', 'B'] },
  ]);
});

test('a track that has no name yet is heard by nobody, and its listener is named before coming in', () => {
  expect(audienceOf([track(undefined, 'bob')], ['ann'])).toEqual([
    { identity: 'ann', trackSids: [] },
    { identity: 'bob', trackSids: [] },
  ]);
});

test('a participant that the native library does not know cannot be limited, which is an error and no shrug', async () => {
  const room = new new FakeRtcWorld().rtc.Room();
  await room.connect('ws://x', 't', {
    autoSubscribe: false,
    dynacast: false,
    joinRetries: 0,
    connectTimeoutMs: 1,
    dataStream: { maxPayloadByteLength: 1 },
  });
  const { localParticipant: self } = room;
  if (self === undefined) throw new Error('not joined');
  await expect(limitTracks(self, [])).rejects.toMatchObject({ code: 'ERR_TRANSPORT', retryable: false });
});
