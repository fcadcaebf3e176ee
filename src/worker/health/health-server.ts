// The monitoring endpoints of a worker over HTTP: for probes, for Prometheus, for an operator with curl.
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { realClock } from '../../clock.ts';
import { AgentError, textOf } from '../../errors.ts';
import {
  fieldsOf,
  having,
  isFunction,
  isObject,
  type OptionsOf,
  parseOptions,
  textOfLength,
  wholeNumberFrom,
} from '../../options.ts';
import { type Logger, silentLogger } from '../logger.ts';
import type { RunningSession } from '../runner.ts';
import type { WorkerStatus } from '../worker-manager.ts';
import { RecentLag } from './loop-lag.ts';
import { answerTo, type HealthAnswer, json, type RouteParts } from './routes.ts';

export interface KnownTool {
  readonly name: string;
  readonly description: string;
}

/** What is shown. A `WorkerManager` is one; `tools` comes on top. */
export interface HealthSource {
  readonly status: WorkerStatus;
  readonly sessions: readonly RunningSession[];
  readonly tools?: () => readonly KnownTool[];
}

export interface HealthServerOptions {
  readonly source: HealthSource;
  /** Tools for `/tools`, for instance `() => globalTools.list()`. Default none. */
  readonly tools?: () => readonly KnownTool[];
  /** Default 127.0.0.1: nobody outside of the machine. */
  readonly host?: string;
  /** Default 8081; 0 takes a free one. */
  readonly port?: number;
  /** Asked for as `Authorization: Bearer ...` on every address. At least 16 characters. Default: none is asked for. */
  readonly token?: string;
  /** Default: says nothing. */
  readonly logger?: Logger;
}

const schema = fieldsOf<HealthServerOptions>()({
  source: having<HealthSource>(isObject, 'must be a WorkerManager'),
  tools: having<() => readonly KnownTool[]>(isFunction, 'must be a function').optional(),
  host: textOfLength(1, 1_000).default('127.0.0.1'),
  port: wholeNumberFrom(0, 65_535, 'must be a whole number from 0 to 65535').default(8_081),
  token: textOfLength(16, 10_000).optional(),
  logger: having<Logger>(isObject, 'must be a logger').default(silentLogger),
});

/** Whoever needs longer for a request line and a few headers is no probe. */
const REQUEST_TIMEOUT_MS = 5_000;
const CHECK_EVERY_MS = 1_000;
const MAX_CONNECTIONS = 64;
const MAX_HEADER_BYTES = 8_192;

/** Not of this machine; a name that nobody knows; a name that cannot be asked for now. */
const WRONG_HOST: readonly unknown[] = ['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN'];

/** Answers probes, Prometheus and operators over HTTP. It is started and closed by whoever made it; the worker knows nothing of it. */
export class HealthServer {
  readonly #options: OptionsOf<typeof schema>;
  readonly #server: Server;
  readonly #lag = new RecentLag(realClock);
  readonly #parts: RouteParts;
  readonly #tokenDigest: Buffer | null;

  /** @throws AgentError `ERR_OPTION` */
  constructor(options: HealthServerOptions) {
    this.#options = parseOptions(schema, options, 'health');
    const { source, tools = source.tools, token } = this.#options;
    const shown: HealthSource = {
      get status() {
        return source.status;
      },
      get sessions() {
        return source.sessions;
      },
      ...(tools !== undefined && { tools }),
    };
    let registry: ReturnType<RouteParts['metrics']> | null = null;
    const metrics = () => {
      registry ??= import('./metrics.ts').then(({ workerMetrics }) => workerMetrics(shown));
      return registry;
    };
    this.#parts = { source: shown, metrics, lag: this.#lag };
    this.#tokenDigest = token === undefined ? null : digest(token);
    this.#server = createServer(
      {
        maxHeaderSize: MAX_HEADER_BYTES,
        headersTimeout: REQUEST_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        keepAliveTimeout: REQUEST_TIMEOUT_MS,
        // By default Node looks for such clients twice a minute, and as many as are let in would keep probes out until then.
        connectionsCheckingInterval: CHECK_EVERY_MS,
      },
      (request, response) => void this.#respond(request, response),
    );
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.on('clientError', (_error, socket) => {
      // `writable` alone is not enough: a reset socket is writable until the next write.
      if (socket.writable && !socket.destroyed) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
      else socket.destroy();
    });
  }

  /**
   * Resolves with the address once it listens.
   * @throws AgentError `ERR_OPTION` when the port is taken or the address is not of this machine
   */
  async start(): Promise<{ readonly url: string }> {
    const { host, port, logger } = this.#options;
    await new Promise<void>((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException) => {
        const message = `the health server cannot listen on ${host}:${port}: ${textOf(error)}`;
        const detail = WRONG_HOST.includes(error.code)
          ? { field: 'host', fix: 'Choose an address of this machine (`--health-host`)' }
          : { field: 'port', fix: 'Choose a free port (`--health-port`), or 0 for any' };
        reject(new AgentError('ERR_OPTION', message, { ...detail, cause: error }));
      };
      this.#server.once('error', fail);
      this.#server.listen(port, host, () => {
        this.#server.off('error', fail);
        this.#server.on('error', (error) => logger.error({ error: textOf(error) }, 'health server'));
        resolve();
      });
    });
    this.#lag.start();
    const address = this.#server.address();
    const actual = typeof address === 'object' && address !== null ? address.port : port;
    const url = `http://${host.includes(':') ? `[${host}]` : host}:${actual}`;
    logger.info({ url, isProtected: this.#tokenDigest !== null }, 'health server listens');
    return { url };
  }

  /** Ends open requests too. Idempotent. */
  async close(): Promise<void> {
    this.#lag.stop();
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {}); // the asker went away
    request.resume();
    let answer: HealthAnswer;
    try {
      answer = await this.#answer(request);
    } catch (error) {
      this.#options.logger.error({ error: textOf(error) }, 'health request failed');
      answer = json(500, { error: 'failed' });
    }
    response.writeHead(answer.status, {
      'content-type': answer.contentType,
      'content-length': Buffer.byteLength(answer.body),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...(answer.status === 401 && { 'www-authenticate': 'Bearer' }),
      ...(answer.status === 405 && { allow: 'GET, HEAD' }),
    });
    response.end(request.method === 'HEAD' ? undefined : answer.body);
  }

  async #answer({ method, url = '', headers }: IncomingMessage): Promise<HealthAnswer> {
    if (!this.#isAllowed(headers.authorization)) return json(401, { error: 'a bearer token is needed' });
    if (method !== 'GET' && method !== 'HEAD') return json(405, { error: 'only GET and HEAD' });
    return answerTo(url.split('?', 1)[0] ?? '', this.#parts);
  }

  #isAllowed(header: string | undefined): boolean {
    if (this.#tokenDigest === null) return true;
    const given = /^Bearer +(\S+)$/i.exec(header ?? '')?.[1] ?? '';
    // Digests have one length, so that the time of the comparison says nothing about the token.
    return timingSafeEqual(digest(given), this.#tokenDigest);
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
