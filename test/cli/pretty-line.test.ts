import { expect, test } from 'vitest';
import { prettyLine } from '../../src/cli/pretty-line.ts';
import { styleOf } from '../../src/cli/style.ts';

const plain = styleOf({ isTTY: false });

test('a line has its time, level, words and facts', () => {
  const time = new Date(2026, 0, 1, 9, 5, 7).getTime();
  const line = JSON.stringify({ level: 40, time, jobId: 'AJ_1', why: 'two words', list: [1], msg: 'socket lost' });
  expect(prettyLine(`${line}\n`, plain)).toBe('09:05:07 warn  socket lost jobId=AJ_1 why="two words" list=[1]\n');
});

test.each(['not json\n', '7\n', 'null\n'])('what is no log line stays as it is: %j', (line) => {
  expect(prettyLine(line, plain)).toBe(line);
});

test('an unknown level and a missing time are no trouble', () => {
  expect(prettyLine('{"level":35,"msg":"odd"}', plain)).toBe('-------- log   odd\n');
});
