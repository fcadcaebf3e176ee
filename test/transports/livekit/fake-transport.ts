// A transport into a room without a native side, on a virtual clock, and what it tells.
import type { AudioFrame } from '../../../src/audio/frame.ts';
import { seededIds } from '../../../src/ids.ts';
import { VirtualClock } from '../../../src/testing/virtual-clock.ts';
import { type LivekitTransportOptions, livekitTransport } from '../../../src/transports/livekit/index.ts';
import type { TransportEvent, TransportOpenOptions } from '../../../src/transports/transport.ts';
import { FakeRtcWorld } from './fake-rtc.ts';

export interface FakeTransportOptions {
  /** Default: a clock and a world of its own. */
  readonly clock?: VirtualClock;
  readonly world?: FakeRtcWorld;
  readonly options?: Partial<LivekitTransportOptions>;
  readonly audio?: TransportOpenOptions['audio'];
}

export function fakeTransport({
  clock = new VirtualClock(),
  world = new FakeRtcWorld(),
  options = {},
  audio,
}: FakeTransportOptions = {}) {
  const events: TransportEvent[] = [];
  const frames: AudioFrame[] = [];
  const problems: string[] = [];
  const controller = new AbortController();
  const transport = livekitTransport({
    url: 'ws://127.0.0.1:7880',
    ...(options.getToken === undefined && { token: 'jwt' }),
    load: async () => world.rtc,
    onProblem: ({ where }) => problems.push(where),
    ...options,
  });
  const open = () =>
    transport.open({
      sessionId: 'sess_1',
      clock,
      ids: seededIds(),
      signal: controller.signal,
      ...(audio !== undefined && { audio }),
      onFrame: (frame) => frames.push(frame),
      onEvent: (event) => events.push(event),
    });
  return { clock, world, events, frames, problems, transport, controller, open };
}
