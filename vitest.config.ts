import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const src = fileURLToPath(new URL('./src/', import.meta.url));

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
    maxWorkers: Math.max(2, availableParallelism() - 1), // the default leaves a machine with two cores one
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    dangerouslyIgnoreUnhandledErrors: false,
  },
});
