#!/usr/bin/env node
// The command `livekitex-agent`: finds the subcommand, turns errors into one line and an exit code.
import { readFileSync } from 'node:fs';
import { realClock } from '../clock.ts';
import { AgentError, textOf } from '../errors.ts';
import { helpOf, nearest, parseArguments } from './arguments.ts';
import { DEMO_COMMAND, demoCommand } from './demo-command.ts';
import { MODELS_ACTIONS, MODELS_COMMANDS, modelsCommand } from './models-command.ts';
import type { CommandIo, WorkerOrder } from './terminal-io.ts';

const OVERVIEW = `Voice agents under supervision.

Usage: livekitex-agent COMMAND [OPTIONS]

Commands:
  demo            ${DEMO_COMMAND.summary.split('\n')[0]}
  start           Runs a worker that LiveKit dispatches calls to.
  dev             The same during development: reloads when the code changes.
  models pull     ${MODELS_COMMANDS.pull.summary}
  models list     ${MODELS_COMMANDS.list.summary}
  models verify   Checks the speech models against their checksums.

Options:
  --version       Shows the version.
  --help          Shows this help, or that of a command.
`;

async function run(argv: readonly string[], io: CommandIo): Promise<number> {
  const [command, ...rest] = argv;
  switch (command) {
    case undefined:
    case '--help':
    case '-h':
    case 'help':
      io.stdout.write(OVERVIEW);
      return 0;
    case '--version':
      io.stdout.write(`${version()}\n`);
      return 0;
    case 'demo': {
      if (!wantsHelp(rest)) return demoCommand(rest, io);
      io.stdout.write(helpOf(DEMO_COMMAND, 'livekitex-agent demo [OPTIONS]'));
      return 0;
    }
    case 'start': {
      // Loaded when it is needed: the other commands do without the LiveKit protocol.
      const { START_COMMAND, startCommand } = await import('./start-command.ts');
      if (!wantsHelp(rest)) return startCommand(rest, io);
      io.stdout.write(helpOf(START_COMMAND, 'livekitex-agent start FILE [OPTIONS]'));
      return 0;
    }
    case 'dev': {
      const { DEV_COMMAND, devCommand } = await import('./dev-command.ts');
      if (!wantsHelp(rest)) return devCommand(rest, io);
      io.stdout.write(helpOf(DEV_COMMAND, 'livekitex-agent dev FILE [OPTIONS]'));
      return 0;
    }
    case 'models':
      return models(rest, io);
    default:
      throw unknown(
        'command',
        command,
        ['demo', 'start', 'dev', 'models', '--help', '--version'],
        'livekitex-agent --help',
      );
  }
}

async function models([action, ...rest]: readonly string[], io: CommandIo): Promise<number> {
  const known = MODELS_ACTIONS.find((each) => each === action);
  if (known === undefined) {
    if (action !== undefined && !wantsHelp([action]))
      throw unknown('models command', action, MODELS_ACTIONS, 'livekitex-agent models --help');
    const rows = MODELS_ACTIONS.map((each) => `  ${each.padEnd(8)}${MODELS_COMMANDS[each].summary}\n`);
    const usage = `Usage: livekitex-agent models ${MODELS_ACTIONS.join('|')}\n\n${rows.join('')}`;
    if (action !== undefined) io.stdout.write(usage);
    else io.stderr.write(usage);
    return action === undefined ? 2 : 0;
  }
  if (wantsHelp(rest)) {
    io.stdout.write(helpOf(MODELS_COMMANDS[known], `livekitex-agent models ${known}`));
    return 0;
  }
  parseArguments(MODELS_COMMANDS[known], rest);
  return modelsCommand(known, io);
}

const wantsHelp = (argv: readonly string[]) => argv.includes('--help') || argv.includes('-h');

function unknown(what: string, given: string, known: readonly string[], help: string): AgentError {
  const near = nearest(given, known);
  return new AgentError('ERR_USAGE', `unknown ${given.startsWith('-') ? 'option' : what}`, {
    field: given,
    fix: `${near === undefined ? '' : `Did you mean \`${near}\`? `}Run \`${help}\``,
  });
}

function version(): string {
  // Two folders above, from the sources and from dist alike.
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return String((JSON.parse(text) as { version?: unknown }).version); // own file
}

/** A second Ctrl-C this much later ends the process at once; npm sends each one twice. */
const PATIENCE_MS = 1_000;

function ctrlC(): Pick<CommandIo, 'signal'> & Required<Pick<CommandIo, 'onSecondSignal'>> {
  const controller = new AbortController();
  let sinceMs = 0;
  let second: (() => void) | null = null;
  const stop = () => {
    if (!controller.signal.aborted) {
      sinceMs = realClock.now();
      controller.abort();
    } else if (realClock.now() - sinceMs > PATIENCE_MS) {
      if (second === null) process.exit(130);
      sinceMs = realClock.now();
      const listener = second;
      second = null;
      listener();
    }
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  const onSecondSignal = (listener: () => void) => {
    second = listener;
  };
  return { signal: controller.signal, onSecondSignal };
}

const ORDERS: readonly unknown[] = ['drain', 'handOver', 'stop'] satisfies WorkerOrder[];

/** To the process that started this one, when it opened a channel: `dev` does. */
function channel(): Pick<CommandIo, 'tell' | 'onOrder'> {
  if (process.send === undefined) return {};
  return {
    tell: (news) => {
      if (process.connected) process.send?.(news, () => {});
    },
    onOrder: (listener) => {
      process.on('message', (order) => {
        if (ORDERS.includes(order)) listener(order as WorkerOrder); // just checked
      });
      // Nobody is left who could end this process.
      process.on('disconnect', () => listener('stop'));
      process.channel?.unref();
    },
  };
}

// A reader that went away (`| head`) is no reason to crash: what is left to say is said to nobody.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

const { stdout, stderr, env } = process;
try {
  process.exitCode = await run(process.argv.slice(2), { stdout, stderr, env, ...ctrlC(), ...channel() });
} catch (error) {
  const code = error instanceof AgentError ? error.code : 'ERROR';
  stderr.write(`livekitex-agent: ${textOf(error).replaceAll(/\s*\n\s*/g, ' ')} [${code}]\n`);
  // With 1 these two say what they found.
  const isFinding = process.argv[2] === 'demo' || process.argv[2] === 'models';
  process.exitCode = code === 'ERR_USAGE' && isFinding ? 2 : 1;
}
// A worker that has ended is over, whatever the module that it came from still holds open.
if (process.argv[2] === 'start') process.exit();
