// What `tool` infers and refuses; checked by the compiler alone.
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { expectTypeOf } from 'vitest';
import { z } from 'zod';
import type { JsonSchema, JsonValue } from '../../src/json.ts';
import type { ChatTool } from '../../src/providers/llm.ts';
import { type RunContext, type Tool, ToolRegistry, tool } from '../../src/tools/index.ts';

const rest = { name: 'get_weather', description: 'Weather' };

// Arguments of a zod schema are what it gives, defaults filled in.
{
  const weather = tool({
    ...rest,
    parameters: z.object({ city: z.string(), days: z.int().default(3), unit: z.enum(['c', 'f']).optional() }),
    execute: (args, context) => {
      expectTypeOf(args).toEqualTypeOf<{ city: string; days: number; unit?: 'c' | 'f' | undefined }>();
      expectTypeOf(context).toEqualTypeOf<RunContext>();
      // @ts-expect-error there is no such argument
      return args.country;
    },
  });
  expectTypeOf(weather).toEqualTypeOf<Tool<{ city: string; days: number; unit?: 'c' | 'f' | undefined }>>();
}

// Arguments of a literal JSON Schema are inferred.
tool({
  ...rest,
  parameters: {
    type: 'object',
    properties: {
      city: { type: 'string' },
      days: { type: 'integer', default: 3 },
      unit: { enum: ['c', 'f'] },
      exact: { type: 'boolean' },
      stops: {
        type: 'array',
        items: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
      },
    },
    required: ['city', 'exact'],
  },
  execute: (args) => {
    expectTypeOf(args).toEqualTypeOf<{
      readonly city: string;
      readonly days: number;
      readonly exact: boolean;
      readonly unit?: 'c' | 'f';
      readonly stops?: readonly { readonly name: string }[];
    }>();
  },
});

// A JSON Schema that is only known at run time gives JSON.
{
  const parameters: JsonSchema = { type: 'object' };
  tool({
    ...rest,
    parameters,
    execute: (args) => {
      expectTypeOf(args).toEqualTypeOf<{ readonly [key: string]: JsonValue }>();
    },
  });
}

// Arguments of any Standard Schema are its output.
{
  const parameters: StandardSchemaV1<{ city: string }, { city: URL }> = {
    '~standard': {
      version: 1,
      vendor: 'acme',
      validate: () => ({ value: { city: new URL('https://example.com') } }),
    },
  };
  tool({
    ...rest,
    parameters,
    jsonSchema: { type: 'object' },
    execute: (args) => {
      expectTypeOf(args.city).toEqualTypeOf<URL>();
    },
  });
}

// A tool without parameters takes none.
tool({
  ...rest,
  execute: (args) => {
    // @ts-expect-error there are no arguments
    return args.city;
  },
});

// Options that do not exist are refused.
// @ts-expect-error the option is called timeoutMs
() => tool({ ...rest, execute: () => 1, timeout: 5000 });

// Typed tools share a registry, and a tool is what a chat request takes.
{
  const weather = tool({ ...rest, parameters: z.object({ city: z.string() }), execute: ({ city }) => city });
  const time = tool({ name: 'get_time', description: 'Time', execute: () => 'noon' });
  expectTypeOf(new ToolRegistry([weather, time]).list()).toEqualTypeOf<readonly Tool[]>();
  expectTypeOf(weather).toExtend<ChatTool>();
}
