// What an engine module looks like to the worker that hosts it.

/** Hands an intermediate answer of the running request to whoever asked (`RequestOptions.onMessage`). */
export type Emit = (message: unknown) => void;

/** A loaded engine. Requests come one at a time; the next one waits until the answer of this one is out. */
export interface Engine {
  /**
   * Answers one request. Everything that crosses is structured-cloned: plain data and typed arrays.
   * A throw fails this request only; the engine lives on.
   */
  handle(payload: unknown, emit: Emit): unknown;
  /** A small piece of real work that proves health, run once before the host reports ready and on `probe()`. */
  probe?(): unknown;
}

/** The one export of an engine module: `export const openEngine: OpenEngine = ...`. May be slow and may throw. */
export type OpenEngine = (options: unknown) => Engine | Promise<Engine>;

/**
 * The URL of a module beside the caller, with the extension the caller itself runs from: `.ts` in the source tree,
 * `.js` when built. `engineModule(import.meta.url, './flite.engine')`.
 */
export function engineModule(callerUrl: string, name: string): string {
  return new URL(`${name}${callerUrl.endsWith('.ts') ? '.ts' : '.js'}`, callerUrl).href;
}
