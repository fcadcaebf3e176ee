import { expect, test } from 'vitest';
import { TextOutput } from '../../src/runtime/text-output.ts';

function start() {
  const told: string[] = [];
  let nowMs = 0;
  const tell =
    (name: string) =>
    (_key: string, ...rest: unknown[]) =>
      told.push([name, ...rest].join(' '));
  const output = new TextOutput<string>(
    {
      buffering: tell('buffering'),
      held: tell('held'),
      progressed: tell('progressed'),
      drained: tell('drained'),
      heard: tell('heard'),
    },
    { now: () => nowMs },
  );
  return {
    output,
    told,
    wait: (ms: number) => {
      nowMs += ms;
    },
  };
}

test('the first words are shown at once, more of them at most ten times a second, the whole at the end', () => {
  const { output, told, wait } = start();
  const writer = output.attachTurn('turn 1');
  writer.begin('item');
  writer.write('One');
  writer.write(' two');
  wait(100);
  writer.write(' three');
  writer.write(' four');
  expect(output.isAudible).toBe(true);
  writer.end();
  expect(told).toEqual([
    'progressed item One',
    'progressed item One two three',
    'buffering',
    'heard item One two three four false',
    'drained',
  ]);
});

test('a flush keeps all that was written, tells it before it returns, and revokes the writer', () => {
  const { output, told } = start();
  const writer = output.attachTurn('turn 1');
  writer.begin('item');
  writer.write('One');
  writer.write(' two');
  expect(output.flush()).toEqual({ playedMs: 0, heardText: 'One two' });
  expect(told.at(-1)).toBe('heard item One two true');
  writer.write(' three');
  writer.end();
  writer.begin('another');
  writer.play('third', 'no', []);
  expect(told).toHaveLength(2);
  expect(output.isAudible).toBe(false);
});

test('the next turn cuts what the one before has left', () => {
  const { output, told } = start();
  const writer = output.attachTurn('turn 1');
  writer.begin('item');
  writer.write('One');
  output.attachTurn('turn 2');
  expect(told.at(-1)).toBe('heard item One true');
});

test('a flush of a text that is over cuts nothing and tells nothing', () => {
  const { output, told } = start();
  const writer = output.attachTurn('turn 1');
  writer.play('item', 'Sorry.', []);
  const count = told.length;
  expect(output.flush()).toEqual({ playedMs: 0, heardText: '' });
  expect(told).toHaveLength(count);
});

test('an answer that was not begun waits while the user speaks; the turn knows that it is not empty', () => {
  const { output, told } = start();
  output.hold(true);
  const writer = output.attachTurn('turn 1');
  writer.begin('item');
  writer.write('One');
  expect([told, output.isAudible]).toEqual([[], false]);
  writer.end();
  output.hold(true);
  expect(told).toEqual(['buffering', 'held']);
  output.hold(false);
  expect(told).toEqual(['buffering', 'held', 'heard item One false', 'drained']);
});

test('what waited and was flushed was never heard', () => {
  const { output, told } = start();
  output.hold(true);
  const writer = output.attachTurn('turn 1');
  writer.begin('item');
  writer.write('One');
  expect(output.flush().heardText).toBe('');
  expect(told).toEqual(['heard item  true']);
});

test('an answer that was begun goes on when the user speaks', () => {
  const { output, told, wait } = start();
  const writer = output.attachTurn('turn 1');
  writer.begin('item');
  writer.write('One');
  output.hold(true);
  wait(100);
  writer.write(' two');
  expect(told.at(-1)).toBe('progressed item One two');
});
