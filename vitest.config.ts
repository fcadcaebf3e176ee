import { defineConfig } from 'vitest/config';

const src = new URL('./src/', import.meta.url).pathname;

export default defineConfig({
  resolve: {
    // Examples import the package by its name; under test that is the sources.
    alias: [
      { find: /^livekitex-agent$/, replacement: `${src}index.ts` },
      { find: /^livekitex-agent\/(.+)$/, replacement: `${src}$1/index.ts` },
    ],
  },
  test: {
    pool: 'forks',
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    dangerouslyIgnoreUnhandledErrors: false,
  },
});
