import { defineConfig } from 'vitest/config';

// Against a real server, in real time: files in a row, or the machine would be measured instead of the code.
export default defineConfig({
  test: {
    pool: 'forks',
    include: ['test/livekit/**/*.live.ts'],
    globalSetup: ['test/livekit/global-setup.ts'],
    fileParallelism: false,
    testTimeout: 30_000,
    hookTimeout: 300_000,
    dangerouslyIgnoreUnhandledErrors: false,
    env: { NODE_ENV: 'production' }, // rtc-node writes its debug log to stdout otherwise
  },
});
