// A process that used the native room library and is done with it: tells whether it can end by itself, and what it writes.
import { disposeLivekit } from '../../../src/transports/livekit/index.ts';
import { joinOptions } from '../../../src/transports/livekit/livekit-transport.ts';
import { loadRtc, type RtcTrack } from '../../../src/transports/livekit/rtc.ts';

const rtc = await loadRtc();
const track: RtcTrack = rtc.LocalAudioTrack.createAudioTrack('t', new rtc.AudioSource(24_000, 1, 200));
await track.close(true);
if (process.argv[2] === 'connect') {
  const options = joinOptions(1_000);
  // Nobody listens at port 1.
  await new rtc.Room().connect('ws://127.0.0.1:1', 'jwt', options).catch(() => {});
  await disposeLivekit();
}
if (process.argv[2] === 'dispose') await disposeLivekit();
process.stderr.write('done\n');
