// Makes an image and forgets to close the encoder; test/transports/livekit/video/image-encoder.test.ts looks whether it ends.
import { realClock } from '../../../src/clock.ts';
import { openImageEncoder } from '../../../src/transports/livekit/video/image-encoder.ts';

const frame = { data: new Uint8Array(6), widthPx: 2, heightPx: 2, rotationDegrees: 0 } as const;
await openImageEncoder(realClock).encode(frame, { longestSidePx: 64, quality: 75 });
