// The providers that come with the package, for hosts that want to choose their engine or show how a model is fetched.
import type { EmbeddedProviders } from './resolve-providers.ts';

export interface EmbeddedOptions {
  /**
   * Where speech recognition runs. `wasm` (default) works everywhere, `native` needs the optional package
   * `sherpa-onnx-node` and is twice as fast, `auto` takes native where it is installed.
   */
  readonly engine?: 'wasm' | 'native' | 'auto';
  /** Told while a model is fetched. */
  readonly onProgress?: (progress: ModelProgress) => void;
}

export interface ModelProgress {
  readonly model: string;
  /** `name@version` of the tarball that is being fetched. */
  readonly tarball: string;
  readonly receivedBytes: number;
  readonly totalBytes: number;
}

/**
 * Fetches the models where they are missing. Hand the result to `createRuntime({ providers })`, which starts the engines
 * and puts them under supervision. A runtime without `providers` fetches and loads them at the first audio it gets.
 * @throws AgentError `ERR_MODEL_MISSING`, `ERR_MODEL_CORRUPT`, `ERR_OPTION`
 */
export async function embeddedProviders(options: EmbeddedOptions = {}): Promise<EmbeddedProviders> {
  // Loaded here, so that `import 'livekitex-agent'` stays light.
  const local = await import('../providers/local/embedded.ts');
  return local.embeddedProviders(options);
}
