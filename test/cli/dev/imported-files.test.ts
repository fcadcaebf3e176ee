import { describe, expect, test } from 'vitest';
import { importedFiles } from '../../../src/cli/dev/imported-files.ts';

const files: Record<string, string> = {
  '/app/agent.ts': `import { a } from './a.ts';
    import type { B } from "../shared/b.ts";
    import './side.ts';
    export { c } from './c.ts';
    import z from 'zod';
    const d = await import('./d.js?v=1');
    const e = require('./e.cjs');`,
  '/app/a.ts': "import { agent } from './agent.ts'; import './deep/f.json' with { type: 'json' };",
  '/app/c.ts': 'export const c = (broken',
};

describe('files of a program', () => {
  test('are its entry and what it imports by relative paths, whatever the way', () => {
    const read = (path: string) => {
      const text = files[path];
      if (text === undefined) throw new Error('ENOENT');
      return text;
    };
    expect([...importedFiles('/app/agent.ts', read)].sort()).toEqual([
      '/app/a.ts',
      '/app/agent.ts',
      '/app/c.ts',
      '/app/d.js',
      '/app/deep/f.json',
      '/app/e.cjs',
      '/app/side.ts',
      '/shared/b.ts',
    ]);
  });

  test('an entry that does not exist is one of them: its coming is a change', () => {
    expect([...importedFiles('/nowhere/agent.ts')]).toEqual(['/nowhere/agent.ts']);
  });
});
