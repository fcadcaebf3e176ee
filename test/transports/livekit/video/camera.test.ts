import { describe, expect, test } from 'vitest';
import { nextLoopTurn } from '../../../../src/clock.ts';
import type { ChatImage } from '../../../../src/providers/llm.ts';
import { VirtualClock } from '../../../../src/testing/virtual-clock.ts';
import { SentRecordings } from '../../../../src/transports/livekit/pre-connect/sent-recordings.ts';
import { RoomConnection } from '../../../../src/transports/livekit/room/room-connection.ts';
import type { RtcVideoEvent } from '../../../../src/transports/livekit/rtc.ts';
import { watchVideo } from '../../../../src/transports/livekit/video/camera.ts';
import type { YuvFrame } from '../../../../src/transports/livekit/video/yuv.ts';
import type { VideoRequest } from '../../../../src/transports/transport.ts';
import { CAMERA, FakeParticipant, FakeRtcWorld, fakeTrack, I420, SCREEN, WHY } from '../fake-rtc.ts';

/** A frame of 4 x 2 pixels whose first byte tells which one it is. */
const frameOf = (value: number, given: Partial<RtcVideoEvent['frame']> = {}, rotation = 0): RtcVideoEvent => {
  const frame: RtcVideoEvent['frame'] = {
    data: new Uint8Array(12).fill(value),
    width: 4,
    height: 2,
    type: I420,
    convert: () => {
      throw new Error('it is I420 already');
    },
    ...given,
  };
  return { frame, rotation };
};

async function start({
  sources = ['camera'],
  openIn = true,
}: {
  sources?: VideoRequest['sources'];
  openIn?: boolean;
} = {}) {
  const clock = new VirtualClock();
  const world = new FakeRtcWorld();
  const images: ChatImage[] = [];
  const gone: string[] = [];
  const problems: string[] = [];
  const encoded: YuvFrame[] = [];
  const wants = { intervalMs: 1_000 };
  const encoder = { opened: 0, closed: 0, hold: null as Promise<void> | null, error: null as Error | null };
  const room = new world.rtc.Room();
  const connection = new RoomConnection({
    rtc: world.rtc,
    room,
    identity: undefined,
    preConnectAudio: false,
    sentRecordings: new SentRecordings(),
    open: { clock, onFrame: () => {}, onEvent: () => {} },
    onProblem: (where, error) => problems.push(`${where}: ${(error as { code?: string }).code}`),
  });
  watchVideo({
    rtc: world.rtc,
    connection,
    video: {
      sources,
      longestSidePx: 1_024,
      quality: 75,
      intervalMs: () => wants.intervalMs,
      onImage: (image) => images.push(image),
      onGone: (source) => gone.push(source),
    },
    openEncoder: () => {
      encoder.opened++;
      return {
        encode: async (frame) => {
          encoded.push(frame);
          await encoder.hold;
          if (encoder.error !== null) throw encoder.error;
          return { data: frame.data.slice(0, 1), widthPx: frame.widthPx, heightPx: frame.heightPx };
        },
        close: () => {
          encoder.closed++;
        },
      };
    },
  });
  const user = new FakeParticipant('anna');
  /** The user shows something, and the server says that it is subscribed. */
  const show = (sid: string, source = CAMERA) => {
    const publication = user.publish(sid, source);
    world.room.emit('trackPublished', publication, user);
    const track = fakeTrack(sid);
    publication.track = track;
    world.room.emit('trackSubscribed', track, publication, user);
    return { publication, track };
  };
  const hide = (sid: string) => {
    const publication = user.trackPublications.get(sid);
    const track = publication?.track;
    if (publication === undefined || track === undefined) throw new Error(`${sid} is not shown`);
    publication.track = undefined;
    world.room.emit('trackUnsubscribed', track, publication, user);
    user.trackPublications.delete(sid);
    world.room.emit('trackUnpublished', publication, user);
  };
  const push = async (...events: RtcVideoEvent[]) => {
    for (const event of events) world.videos.at(-1)?.stream.push(event);
    for (let i = 0; i < 4; i++) await nextLoopTurn();
  };
  if (openIn) {
    await world.room.connect('ws://127.0.0.1:1', 'jwt', {} as never); // the fake looks at none of the options
    await connection.begin();
    world.room.enter(user);
  }
  const values = () => images.map(({ data }) => data[0]);
  return {
    clock,
    world,
    connection,
    user,
    images,
    values,
    gone,
    problems,
    encoded,
    wants,
    encoder,
    show,
    hide,
    push,
  };
}

describe('what is subscribed', () => {
  test('is the camera of the user, also of one who came first; not the screen, and nobody else’s', async () => {
    const { world, connection, user } = await start({ openIn: false });
    const [camera, screen] = [user.publish('TR_cam', CAMERA), user.publish('TR_screen', SCREEN)];
    const ben = new FakeParticipant('ben');
    const other = ben.publish('TR_ben', CAMERA);
    world.room.remoteParticipants.set('anna', user).set('ben', ben);
    await world.room.connect('ws://127.0.0.1:1', 'jwt', {} as never); // the fake looks at none of the options
    await connection.begin();
    world.room.emit('trackPublished', other, ben);
    expect([camera.subscribed, screen.subscribed, other.subscribed]).toEqual([true, false, false]);
  });

  test('is the screen where it was asked for', async () => {
    const { user, world, show, push, images } = await start({ sources: ['camera', 'screen'] });
    show('TR_screen', SCREEN);
    await push(frameOf(1));
    expect(user.trackPublications.get('TR_screen')?.subscribed).toBe(true);
    expect(world.videos).toHaveLength(1);
    expect(images.map(({ source }) => source)).toEqual(['screen']);
  });

  test('follows the link at once, and leaves who is not talked to any more', async () => {
    const { world, connection, user, clock, show, push, values, gone } = await start();
    const { publication } = show('TR_cam');
    await push(frameOf(1));
    const ben = new FakeParticipant('ben');
    const other = ben.publish('TR_ben', CAMERA);
    other.track = fakeTrack('TR_ben');
    world.room.enter(ben);
    connection.linkTo('ben');
    await push(frameOf(2));
    await clock.advance(1_000);
    await push(frameOf(3));
    expect(gone).toEqual(['camera']);
    expect(world.videos.map(({ track }) => track.sid)).toEqual(['TR_cam', 'TR_ben']);
    expect(values()).toEqual([1, 3]);
    expect(publication.ends).toBe(1);
    connection.linkTo(user.identity);
    await clock.settle({ turns: 1 });
    expect([publication.subscribed, other.ends]).toEqual([true, 1]);
  });

  test('is left with the end of the session, since the room may go on', async () => {
    const { connection, show, push } = await start();
    const { publication } = show('TR_cam');
    await push(frameOf(1));
    await connection.close();
    expect(publication.ends).toBe(1);
  });

  test('is left alone when it is gone, or its user', async () => {
    const { world, user, show, hide, clock } = await start();
    const hidden = show('TR_cam').publication;
    hide('TR_cam');
    const { publication } = show('TR_back');
    world.room.leave(user, WHY.CLIENT_INITIATED);
    await clock.settle({ turns: 1 });
    expect([hidden.ends, publication.ends]).toEqual([0, 0]);
  });

  test('is asked for again after a reconnect', async () => {
    const { world, user } = await start();
    const publication = user.publish('TR_cam', CAMERA);
    world.room.emit('trackPublished', publication, user);
    publication.subscribed = false; // asked for while the wire was down
    world.room.emit('reconnected');
    expect(publication.subscribed).toBe(true);
  });
});

describe('of the frames of a camera', () => {
  test('only those that are due are touched', async () => {
    const { clock, show, push, values, encoded } = await start();
    show('TR_cam');
    for (let i = 1; i <= 30; i++) {
      await push(frameOf(i));
      await clock.advance(100);
    }
    expect(values()).toEqual([1, 11, 21]);
    expect(encoded).toHaveLength(3);
  });

  test('none is taken while the session wants none', async () => {
    const { clock, show, push, wants, encoded } = await start();
    wants.intervalMs = Number.POSITIVE_INFINITY;
    show('TR_cam');
    await push(frameOf(1));
    await clock.advance(60_000);
    await push(frameOf(2));
    expect(encoded).toEqual([]);
  });

  test('the newest of a burst is taken', async () => {
    const { show, push, values } = await start();
    show('TR_cam');
    await push(frameOf(1), frameOf(2), frameOf(3));
    expect(values()).toEqual([3]);
  });

  test('none is taken while one is being encoded', async () => {
    const { clock, show, push, values, encoder, encoded } = await start();
    let release = () => {};
    encoder.hold = new Promise((resolve) => (release = resolve));
    show('TR_cam');
    await push(frameOf(1));
    await clock.advance(5_000);
    await push(frameOf(2));
    expect(encoded).toHaveLength(1);
    release();
    await push();
    await push(frameOf(3));
    expect(values()).toEqual([1, 3]);
  });

  test('the library’s memory is copied, other layouts are converted, and how the telephone was held is passed on', async () => {
    const { clock, show, push, encoded } = await start();
    show('TR_cam');
    const pool = new Uint8Array(24).fill(3);
    await push(frameOf(0, { data: pool.subarray(12) }, 1));
    pool.fill(9);
    await clock.advance(1_000);
    await push(frameOf(0, { type: 9, convert: (type) => frameOf(type).frame }));
    expect(encoded).toEqual([
      { data: new Uint8Array(12).fill(3), widthPx: 4, heightPx: 2, rotationDegrees: 90 },
      { data: new Uint8Array(12).fill(I420), widthPx: 4, heightPx: 2, rotationDegrees: 0 },
    ]);
    expect(encoded[0]?.data.byteOffset).toBe(0);
  });

  test.each([
    ['says more than it has', { width: 640, height: 480 }],
    ['has no size', { width: 0 }],
    ['is larger than anything', { width: 100_000, height: 100_000 }],
    [
      'cannot be converted',
      {
        type: 9,
        convert: () => {
          throw 'no such conversion';
        },
      },
    ],
  ])('one that %s is told once in a row, and the next good one is taken', async (_what, broken) => {
    const { clock, show, push, values, problems } = await start();
    show('TR_cam');
    for (const event of [frameOf(1, broken), frameOf(2, broken), frameOf(3), frameOf(4, broken)]) {
      await push(event);
      await clock.advance(1_000);
    }
    expect(values()).toEqual([3]);
    expect(problems).toEqual(['camera: ERR_VIDEO', 'camera: ERR_VIDEO']);
  });

  test('an encoder that fails is told once in a row', async () => {
    const { clock, show, push, values, problems, encoder } = await start();
    show('TR_cam');
    encoder.error = new Error('no memory');
    await push(frameOf(1));
    await clock.advance(1_000);
    await push(frameOf(2));
    encoder.error = null;
    await clock.advance(1_000);
    await push(frameOf(3));
    expect([values(), problems]).toEqual([[3], ['camera: ERR_VIDEO']]);
  });
});

describe('what was seen is forgotten', () => {
  test('when the camera is muted, and nothing of it is taken until it is back', async () => {
    const { clock, world, show, push, gone, values, user } = await start();
    const { publication } = show('TR_cam');
    await push(frameOf(1));
    publication.muted = true;
    world.room.emit('trackMuted', publication, user);
    await clock.advance(1_000);
    await push(frameOf(2));
    publication.muted = false;
    await push(frameOf(3));
    expect([gone, values()]).toEqual([['camera'], [1, 3]]);
  });

  test('when video is turned off for the call, and nothing of it is taken until it is on again', async () => {
    const { clock, connection, show, push, gone, values } = await start();
    show('TR_cam');
    await push(frameOf(1));
    connection.switches.videoInput = false;
    await clock.advance(1_000);
    await push(frameOf(2));
    await push(frameOf(3));
    connection.switches.videoInput = true;
    await push(frameOf(4));
    expect([gone, values()]).toEqual([['camera'], [1, 4]]);
  });

  test('when it is muted while a frame is being encoded', async () => {
    const { world, show, push, values, encoder, user } = await start();
    let release = () => {};
    encoder.hold = new Promise((resolve) => (release = resolve));
    const { publication } = show('TR_cam');
    await push(frameOf(1));
    publication.muted = true;
    world.room.emit('trackMuted', publication, user);
    release();
    await push();
    expect(values()).toEqual([]);
  });

  test('when the track is gone; its stream is closed, which the library does not do', async () => {
    const { world, show, hide, push, gone } = await start();
    show('TR_cam');
    await push(frameOf(1));
    hide('TR_cam');
    expect([gone, world.videos[0]?.stream.isCancelled]).toEqual([['camera'], true]);
  });

  test('when the subscription is taken away; it is asked for again', async () => {
    const { world, show, push, gone, user } = await start();
    const { publication, track } = show('TR_cam');
    await push(frameOf(1));
    publication.track = undefined;
    publication.subscribed = false;
    world.room.emit('trackUnsubscribed', track, publication, user);
    expect([gone, world.videos[0]?.stream.isCancelled, publication.subscribed]).toEqual([['camera'], true, true]);
  });

  test('when the user leaves', async () => {
    const { world, user, show, push, gone } = await start();
    show('TR_cam');
    await push(frameOf(1));
    world.room.leave(user, WHY.SIGNAL_CLOSE);
    expect([gone, world.videos[0]?.stream.isCancelled]).toEqual([['camera'], true]);
  });

  test('when the room is left, whoever ends it; the encoder is closed', async () => {
    for (const leave of [
      (room: Awaited<ReturnType<typeof start>>) => room.connection.close(),
      async (room: Awaited<ReturnType<typeof start>>) => room.world.room.drop(WHY.ROOM_DELETED),
    ]) {
      const room = await start();
      room.show('TR_cam');
      await room.push(frameOf(1));
      await leave(room);
      room.world.room.emit('trackPublished', room.user.publish('TR_late', CAMERA), room.user);
      expect([room.gone, room.encoder.opened, room.encoder.closed]).toEqual([['camera'], 1, 1]);
      expect(room.world.videos[0]?.stream.isCancelled).toBe(true);
      expect(room.user.trackPublications.get('TR_late')?.subscribed).toBe(false);
    }
  });
});

test('who switches cameras is seen through the new one, at the same rate', async () => {
  const { clock, world, show, hide, push, values } = await start();
  show('TR_front');
  await push(frameOf(1));
  show('TR_back');
  expect(world.videos.map(({ stream }) => stream.isCancelled)).toEqual([true, false]);
  hide('TR_front');
  await push(frameOf(2));
  await clock.advance(1_000);
  await push(frameOf(3));
  expect(world.videos.map(({ stream }) => stream.isCancelled)).toEqual([true, false]);
  expect(values()).toEqual([1, 3]);
});

test('a thread is started for nobody who shows nothing', async () => {
  const { encoder, connection } = await start();
  await connection.close();
  expect(encoder).toMatchObject({ opened: 0, closed: 0 });
});
