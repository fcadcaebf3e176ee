// The agent of the demo: two tools that need no network.
import { z } from 'zod';
import { Agent, type Clock, ToolError, tool } from '../../index.ts';
import { timeIn, weatherIn } from './city-facts.ts';

const parameters = z.object({ location: z.string().min(1).describe('A city, by its English name') });

export function demoAgent(clock: Clock): Agent {
  return new Agent({
    agentId: 'demo',
    instructions: 'You answer questions about the weather and the time in a city, in one short sentence.',
    tools: [
      tool({
        name: 'get_weather',
        description: 'The weather in a city. Invented, but always the same.',
        parameters,
        execute: ({ location }) => weatherIn(location),
      }),
      tool({
        name: 'get_time',
        description: 'The local time in a city.',
        parameters,
        execute: ({ location }) => {
          try {
            return timeIn(location, clock.wallNow());
          } catch (error) {
            throw new ToolError(error instanceof Error ? error.message : String(error));
          }
        },
      }),
    ],
  });
}
