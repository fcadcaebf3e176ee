// One server for the whole tier.
import type { TestProject } from 'vitest/node';
import { type LivekitAccess, startLivekitServer } from './server.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    livekit: LivekitAccess;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startLivekitServer();
  const { url, apiKey, apiSecret } = server;
  project.provide('livekit', { url, apiKey, apiSecret });
  return () => server.stop();
}
