import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const xstate = fileURLToPath(new URL('./node_modules/xstate/dist/', import.meta.url));
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
    testTimeout: 20_000,
    dangerouslyIgnoreUnhandledErrors: false,
    projects: [
      {
        extends: true,
        test: { name: 'development', include: ['test/**/*.test.ts'], env: { XSTATE_BUILD: 'development' } },
      },
      {
        // vitest asks for xstate's development build, plain Node gets the production one: what depends on xstate's inner
        // life runs on both. Conditions cannot be taken away from vitest, so the entry files are named.
        extends: true,
        resolve: {
          alias: [
            { find: /^xstate$/, replacement: `${xstate}xstate.esm.js` },
            { find: /^xstate\/(\w+)$/, replacement: `${xstate}xstate-$1.esm.js` },
          ],
        },
        test: {
          name: 'production',
          include: [
            'test/supervisor/**/*.test.ts',
            'test/machines/**/*.test.ts',
            'test/runtime/{agent-session-logic,inspect}.test.ts',
            'test/scenarios/{timed,kill-matrix}.test.ts',
          ],
          env: { XSTATE_BUILD: 'production' },
          server: { deps: { inline: [/xstate/] } },
        },
      },
    ],
  },
});
