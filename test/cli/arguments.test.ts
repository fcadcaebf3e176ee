import { describe, expect, test } from 'vitest';
import { type CommandSpec, helpOf, nearest, parseArguments } from '../../src/cli/arguments.ts';
import { AgentError } from '../../src/errors.ts';

const command: CommandSpec = {
  name: 'demo',
  summary: 'Shows.',
  options: [
    { name: '--out', value: 'FILE', help: 'Where to.' },
    { name: '--kill', value: 'PART', choices: ['stt', 'tts', 'turn'], help: 'What dies.' },
    { name: '--json', help: 'For machines.' },
  ],
};

function refusal(...argv: string[]): AgentError {
  try {
    parseArguments(command, argv);
  } catch (error) {
    if (error instanceof AgentError) return error;
  }
  throw new Error('nothing was refused');
}

describe('arguments', () => {
  test('options come in any order, values behind a space or an equals sign', () => {
    const args = parseArguments(command, ['--json', '--kill=tts', '--out', 'a b.wav']);
    expect([args.value('--kill'), args.value('--out'), args.has('--json')]).toEqual(['tts', 'a b.wav', true]);
    expect(parseArguments(command, []).has('--json')).toBe(false);
    expect(parseArguments(command, ['--out', '-']).value('--out')).toBe('-');
  });

  test.each([
    [['--otu', 'x'], '--otu', 'Did you mean `--out`?'],
    [['--jsn'], '--jsn', 'Did you mean `--json`?'],
    [['--frobnicate'], '--frobnicate', 'Run `livekitex-agent demo --help`'],
    [['file.wav'], 'file.wav', 'Run `livekitex-agent demo --help`'],
    [['--out'], '--out', 'Write `--out FILE`'],
    [['--out', '--json'], '--out', 'Write `--out FILE`'],
    [['--out='], '--out', 'Write `--out FILE`'],
    [['--json=1'], '--json', 'Write `--json` alone'],
    [['--kill', 'tss'], '--kill', 'Did you mean `--kill tts`?'],
    [['--kill', 'everything'], '--kill', undefined],
    [['--out', 'a', '--out', 'b'], '--out', 'Give it once'],
    [['--__proto__'], '--__proto__', 'Run `livekitex-agent demo --help`'],
  ])('%j is refused with its name and the fix', (argv, field, fix) => {
    const error = refusal(...argv);
    expect([error.code, error.field]).toEqual(['ERR_USAGE', field]);
    if (fix !== undefined) expect(error.fix).toContain(fix);
  });

  test('a value outside its choices is told all of them', () => {
    expect(refusal('--kill', 'everything').rule).toBe('must be stt, tts, turn');
  });

  test('the nearest word is near', () => {
    expect(nearest('modles', ['demo', 'models'])).toBe('models');
    expect(nearest('x', ['demo', 'models'])).toBeUndefined();
    expect(nearest('y'.repeat(100_000), ['demo'])).toBeUndefined();
  });

  test('the help names every option, its values and its choices', () => {
    const help = helpOf(command, 'livekitex-agent demo [OPTIONS]');
    for (const part of ['--out FILE', '--kill PART', 'One of: stt, tts, turn.', '--json', '--help'])
      expect(help).toContain(part);
  });
});
