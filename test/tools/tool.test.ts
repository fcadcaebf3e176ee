import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { AgentError } from '../../src/errors.ts';
import type { JsonSchema } from '../../src/json.ts';
import { defineTool, FALLBACK_MESSAGE, isTool, tool } from '../../src/tools/index.ts';

const plain = { name: 'get_weather', description: 'Weather of a city', execute: () => 'sunny' };

/** What was thrown, or undefined. */
function thrownBy(fn: () => unknown): unknown {
  try {
    fn();
  } catch (error) {
    return error;
  }
  return undefined;
}

/** A Standard Schema of a library that cannot write JSON Schema. */
const standard = {
  '~standard': {
    version: 1 as const,
    vendor: 'acme',
    validate: (value: unknown) => ({ value: value as { city: string } }),
  },
};
const jsonSchema: JsonSchema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };

describe('tool', () => {
  test('the limits have the documented defaults', () => {
    expect(tool(plain)).toMatchObject({
      kind: 'tool',
      name: 'get_weather',
      parameters: { type: 'object', properties: {} },
      timeoutMs: 5000,
      maxRetries: 3,
      retryDelayMs: 1000,
      retryOnTimeout: false,
      fallbackMessage: "I'm having trouble with that request right now.",
      hasOwnFallback: false,
      circuitBreaker: { failureThreshold: 5, timeoutMs: 30_000, recoveryTimeMs: 60_000 },
    });
    expect(FALLBACK_MESSAGE).toBe(tool(plain).fallbackMessage);
  });

  test('the breaker can be changed in part and turned off', () => {
    expect(tool({ ...plain, circuitBreaker: { failureThreshold: 2 } }).circuitBreaker).toEqual({
      failureThreshold: 2,
      timeoutMs: 30_000,
      recoveryTimeMs: 60_000,
    });
    expect(tool({ ...plain, circuitBreaker: false }).circuitBreaker).toBeNull();
  });

  test('defineTool is the same function', () => {
    expect(defineTool).toBe(tool);
  });

  test('a tool cannot be changed after it was checked', () => {
    const weather = tool({ ...plain, parameters: z.object({ city: z.string() }) });
    expect(Object.isFrozen(weather)).toBe(true);
    expect(Object.isFrozen(weather.parameters.properties)).toBe(true);
  });

  test('only what tool() made is a tool', () => {
    expect(isTool(tool(plain))).toBe(true);
    for (const value of [plain, null, undefined, 'get_weather', () => {}]) expect(isTool(value)).toBe(false);
  });

  test('execute keeps its receiver', () => {
    class Weather {
      readonly name = 'get_weather';
      readonly description = 'Weather';
      readonly #answer = 'sunny';
      execute() {
        return this.#answer;
      }
    }
    // The context is not read by this tool.
    expect(tool(new Weather()).execute({}, undefined as never)).toBe('sunny');
  });
});

describe('JSON Schema for the model', () => {
  test('zod schemas are written as what they accept, with descriptions and without $schema', () => {
    const { parameters } = tool({
      ...plain,
      parameters: z.object({ city: z.string().describe('Name of the city'), days: z.int().min(1).default(3) }),
    });
    expect(parameters).toEqual({
      type: 'object',
      properties: {
        city: { type: 'string', description: 'Name of the city' },
        days: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER, default: 3 },
      },
      required: ['city'],
    });
  });

  test('a library that writes JSON Schema is asked for it', () => {
    const parameters = {
      '~standard': { ...standard['~standard'], jsonSchema: { input: () => jsonSchema, output: () => jsonSchema } },
    };
    expect(tool({ ...plain, parameters }).parameters).toEqual(jsonSchema);
  });

  test('a library that cannot needs jsonSchema, and then works', () => {
    expect(tool({ ...plain, parameters: standard, jsonSchema }).parameters).toEqual(jsonSchema);
  });

  test('a plain JSON Schema is told as it is', () => {
    expect(tool({ ...plain, parameters: jsonSchema }).parameters).toEqual(jsonSchema);
  });
});

const cyclic: Record<string, unknown> = { type: 'object' };
cyclic.self = cyclic;

const bad: readonly [what: string, definition: unknown, field: string][] = [
  ['no definition', undefined, 'definition'],
  ['text instead of a definition', 'get_weather', 'definition'],
  ['no name', { ...plain, name: undefined }, 'name'],
  ['an empty name', { ...plain, name: '' }, 'name'],
  ['a name with a space', { ...plain, name: 'get weather' }, 'name'],
  ['a name of 65 letters', { ...plain, name: 'a'.repeat(65) }, 'name'],
  ['a blank description', { ...plain, description: ' ' }, 'description'],
  ['no function', { ...plain, execute: 'sunny' }, 'execute'],
  ['an unknown option', { ...plain, timeout: 5000 }, 'timeout'],
  ['a timeout of 0', { ...plain, timeoutMs: 0 }, 'timeoutMs'],
  ['a timeout that is not a number', { ...plain, timeoutMs: Number.NaN }, 'timeoutMs'],
  ['an endless timeout', { ...plain, timeoutMs: Number.POSITIVE_INFINITY }, 'timeoutMs'],
  ['half a retry', { ...plain, maxRetries: 0.5 }, 'maxRetries'],
  ['a negative pause', { ...plain, retryDelayMs: -1 }, 'retryDelayMs'],
  ['an empty fallback', { ...plain, fallbackMessage: '' }, 'fallbackMessage'],
  ['parameters that are no schema', { ...plain, parameters: 'city' }, 'parameters'],
  ['parameters that are no object', { ...plain, parameters: z.string() }, 'parameters'],
  ['a JSON Schema without type object', { ...plain, parameters: { properties: {} } }, 'parameters'],
  ['a list as schema', { ...plain, parameters: [] }, 'parameters'],
  ['a cyclic JSON Schema', { ...plain, parameters: cyclic }, 'parameters'],
  ['a zod type that JSON does not have', { ...plain, parameters: z.object({ at: z.date() }) }, 'parameters'],
  ['a library that writes no JSON Schema', { ...plain, parameters: standard }, 'jsonSchema'],
  [
    'a reference to another document',
    { ...plain, parameters: { type: 'object', properties: { city: { $ref: 'https://example.com/city.json' } } } },
    'parameters.properties.city.$ref',
  ],
  [
    'a broken pattern',
    { ...plain, parameters: { type: 'object', properties: { city: { type: 'string', pattern: '(' } } } },
    'parameters.properties.city.pattern',
  ],
];

describe('bad definitions', () => {
  for (const [what, definition, field] of bad) {
    test(`${what} is refused with field, rule and fix`, () => {
      // The point of the table is to break the type.
      const error = thrownBy(() => tool(definition as never));
      expect(error).toBeInstanceOf(AgentError);
      expect(error).toMatchObject({ code: 'ERR_TOOL_DEFINITION', field });
      expect(error).toMatchObject({ rule: expect.stringMatching(/\S/), fix: expect.stringMatching(/\S/) });
    });
  }
});
