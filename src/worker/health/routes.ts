// What each address of the health server answers; plain data in, plain data out.
import type { Registry } from 'prom-client';
import type { HealthSource } from './health-server.ts';
import type { RecentLag } from './loop-lag.ts';

export interface HealthAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

export interface RouteParts {
  readonly source: HealthSource;
  /** Loaded with the first scrape: many workers are never asked. */
  metrics(): Promise<Registry>;
  readonly lag: Pick<RecentLag, 'read'>;
}

const SESSION = /^\/sessions\/([^/]+)$/;

/** `path` as it came over the wire: anything may stand in it. */
export async function answerTo(path: string, { source, metrics, lag }: RouteParts): Promise<HealthAnswer> {
  switch (path) {
    case '/live':
      // An event loop that can answer is alive; whether it takes jobs is another question.
      return json(200, { status: 'alive' });
    case '/health':
    case '/ready': {
      const { state, jobs, maxJobs, load } = source.status;
      const isReady = state === 'available';
      const summary = { status: isReady ? 'ok' : 'unavailable', state, jobs: jobs.length, maxJobs, load };
      return json(isReady ? 200 : 503, path === '/ready' ? summary : { ...summary, loopLag: lag.read() });
    }
    case '/status': {
      const { rss, heapUsed } = process.memoryUsage();
      const own = { pid: process.pid, node: process.version, uptimeSeconds: Math.round(process.uptime()) };
      const memory = { rssBytes: rss, heapUsedBytes: heapUsed };
      return json(200, { worker: source.status, process: { ...own, memory, loopLag: lag.read() } });
    }
    case '/sessions':
      return json(200, { sessions: source.sessions });
    case '/tools':
      return json(200, {
        tools: (source.tools?.() ?? []).map(({ name, description }) => ({ name, description })),
      });
    case '/metrics': {
      const registry = await metrics();
      return { status: 200, contentType: registry.contentType, body: await registry.metrics() };
    }
    default: {
      const sessionId = SESSION.exec(path)?.[1];
      const session = source.sessions.find((each) => each.sessionId === sessionId);
      if (session !== undefined) return json(200, session);
      return json(404, { error: sessionId === undefined ? 'there is nothing here' : 'no such session' });
    }
  }
}

export function json(status: number, value: unknown): HealthAnswer {
  return { status, contentType: 'application/json; charset=utf-8', body: `${JSON.stringify(value)}\n` };
}
