// Arguments of Node under which the name of the package leads to its sources, as if it was installed.
import { ROOT } from './snippets.ts';

const HOOK = `import { registerHooks } from 'node:module';
const src = ${JSON.stringify(`file://${ROOT}/src/`)};
registerHooks({ resolve: (name, context, next) => {
  if (name === 'livekitex-agent') return next(src + 'index.ts', context);
  if (name.startsWith('livekitex-agent/')) return next(src + name.slice(16) + '/index.ts', context);
  return next(name, context);
} });`;

export const AS_INSTALLED: readonly string[] = ['--import', `data:text/javascript,${encodeURIComponent(HOOK)}`];
