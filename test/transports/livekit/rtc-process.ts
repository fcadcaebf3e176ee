// A process that used the native room library and is done with it: tells whether it can end by itself.
import { disposeLivekit } from '../../../src/transports/livekit/index.ts';
import { loadRtc, type RtcTrack } from '../../../src/transports/livekit/rtc.ts';

const rtc = await loadRtc();
const track: RtcTrack = rtc.LocalAudioTrack.createAudioTrack('t', new rtc.AudioSource(24_000, 1, 200));
await track.close(true);
if (process.argv[2] === 'dispose') await disposeLivekit();
process.stderr.write('done\n');
