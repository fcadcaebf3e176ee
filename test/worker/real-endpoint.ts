// What tests with real processes share: an agent endpoint for each test, its address and key, and workers to start.
import { afterEach, beforeEach, expect } from 'vitest';
import { AgentEndpoint } from './agent-endpoint.ts';

export const SECRET = 'a-secret-of-more-than-thirty-two-chars';
export const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname;

const fixture = (name: string) => new URL(`../cli/fixtures/${name}.ts`, import.meta.url).pathname;

/** Its jobs last until they are told to end. */
export const IDLE_WORKER = fixture('idle-worker');
/** Its jobs last until the file JOB_UNTIL is there. */
export const HELD_WORKER = fixture('held-worker');

export class RealEndpoint {
  endpoint = new AgentEndpoint(SECRET);
  url = '';

  get side() {
    return this.endpoint.side;
  }

  get sides() {
    return this.endpoint.sides;
  }

  /** A worker has registered and told its load. Throws until then. */
  readonly hasWorker = (): void => expect(this.sides[0]?.loads.length ?? 0).toBeGreaterThan(0);

  get env(): Record<string, string> {
    return { LIVEKIT_URL: this.url, LIVEKIT_API_KEY: 'devkey', LIVEKIT_API_SECRET: SECRET };
  }
}

/** A new one for each test of the file. */
export function useEndpoint(): RealEndpoint {
  const server = new RealEndpoint();
  beforeEach(async () => {
    server.endpoint = new AgentEndpoint(SECRET);
    server.url = await server.endpoint.listen();
  });
  afterEach(() => server.endpoint.close());
  return server;
}
