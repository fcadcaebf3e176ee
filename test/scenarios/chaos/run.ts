// `npm run test:chaos -- --seeds A-B [--calls N] [--call N]`: the random calls of many seeds, on the build of xstate that plain Node gets.
import { parseArgs } from 'node:util';
import { judgeCall, judgeSeed, seedsOf } from './judge.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: String(Date.now() % 1_000_000) },
    calls: { type: 'string', default: '5000' },
    call: { type: 'string' },
  },
});

let failures = 0;
for (const seed of seedsOf(values.seeds)) {
  const startedMs = performance.now();
  const { broken, report } = await (values.call === undefined
    ? judgeSeed(seed, Number(values.calls))
    : judgeCall(seed, Number(values.call)));
  const what = values.call === undefined ? `${values.calls} calls` : `call ${values.call}`;
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(0);
  console.log(`seed ${seed}, ${what}: ${broken.length === 0 ? 'every rule held' : 'BROKEN'} (${seconds} s)`);
  failures += broken.length;
  if (broken.length > 0) console.log([...broken, '', report].join('\n'));
}
console.log(`${failures} broken`);
process.exit(failures === 0 ? 0 : 1);
