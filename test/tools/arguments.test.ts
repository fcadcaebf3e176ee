import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  MAX_ARGUMENTS_CHARS,
  prepareCall,
  readArguments,
  type Tool,
  ToolRegistry,
  tool,
} from '../../src/tools/index.ts';
import { repairJson } from '../../src/tools/json-repair.ts';

const rest = { name: 'get_weather', description: 'Weather of a city', execute: () => 'sunny' };
const zodTool = tool({ ...rest, parameters: z.object({ city: z.string(), days: z.int().default(3) }) }) as Tool;
const jsonTool = tool({
  ...rest,
  parameters: {
    type: 'object',
    properties: {
      city: { type: 'string', minLength: 1 },
      days: { type: 'integer', minimum: 1, default: 3 },
      unit: { enum: ['c', 'f'] },
      stops: { type: 'array', items: { $ref: '#/$defs/stop' } },
    },
    required: ['city'],
    additionalProperties: false,
    $defs: {
      stop: { type: 'object', properties: { name: { type: 'string' }, nights: { type: 'integer', default: 1 } } },
    },
  },
}) as Tool;
const anyTool = tool({ ...rest, parameters: { type: 'object' } }) as Tool;
const refused = async (promise: Promise<unknown>) => {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  // Every refusal in this file is an AgentError; the matchers below fail on anything else.
  return error as { code: string; field: string; message: string };
};

describe('readArguments', () => {
  for (const [what, weather] of [
    ['zod', zodTool],
    ['JSON Schema', jsonTool],
  ] as const) {
    test(`${what}: good arguments pass and defaults are filled in`, async () => {
      expect(await readArguments(weather, '{"city":"Oslo"}')).toEqual({ city: 'Oslo', days: 3 });
      expect(await readArguments(weather, '{"city":"Oslo","days":1}')).toEqual({ city: 'Oslo', days: 1 });
    });

    test(`${what}: a refusal tells tool, field and rule`, async () => {
      for (const [text, field] of [
        ['{}', ''],
        ['{"city":7}', 'city'],
        ['{"city":"Oslo","days":"two"}', 'days'],
      ] as const) {
        const error = await refused(readArguments(weather, text));
        expect(error).toMatchObject({ code: 'ERR_TOOL_ARGUMENTS', retryable: false });
        expect(error.message).toContain('get_weather');
        expect(error.message).toContain(field === '' ? 'city' : field);
      }
    });
  }

  test('JSON Schema: defaults reach into lists and references', async () => {
    const args = await readArguments(jsonTool, '{"city":"Oslo","stops":[{"name":"Bergen"}]}');
    expect(args).toEqual({ city: 'Oslo', days: 3, stops: [{ name: 'Bergen', nights: 1 }] });
  });

  test('JSON Schema: unknown names, wrong choices and limits are refused', async () => {
    for (const text of ['{"city":"Oslo","x":1}', '{"city":"Oslo","unit":"k"}', '{"city":"","days":0}']) {
      expect(await refused(readArguments(jsonTool, text))).toMatchObject({ code: 'ERR_TOOL_ARGUMENTS' });
    }
  });

  test('all broken rules are told at once, up to five', async () => {
    const error = await refused(readArguments(zodTool, '{"days":"two"}'));
    expect(error.message).toContain('city');
    expect(error.message).toContain('days');
  });

  test('an asynchronous Standard Schema is waited for', async () => {
    const parameters = {
      '~standard': {
        version: 1 as const,
        vendor: 'acme',
        validate: (value: unknown) => Promise.resolve(value === null ? { issues: [] } : { value: { city: 'Oslo' } }),
      },
    };
    const slow = tool({ ...rest, parameters, jsonSchema: { type: 'object' } }) as Tool;
    expect(await readArguments(slow, '{}')).toEqual({ city: 'Oslo' });
  });

  test('a schema that throws is the fault of the tool, not of the model', async () => {
    const parameters = {
      '~standard': {
        version: 1 as const,
        vendor: 'acme',
        validate: (): { value: unknown } => {
          throw new Error('password=hunter2');
        },
      },
    };
    const broken = tool({ ...rest, parameters, jsonSchema: { type: 'object' } }) as Tool;
    expect(await refused(readArguments(broken, '{}'))).toMatchObject({ code: 'ERR_TOOL_DEFINITION' });
  });

  const mended: readonly [what: string, text: string, args: unknown][] = [
    ['no text', '', {}],
    ['blanks', ' \n', {}],
    ['a code fence', '```json\n{"city": "Oslo"}\n```', { city: 'Oslo' }],
    ['a trailing comma', '{"city": "Oslo", "list": [1, 2,], }', { city: 'Oslo', list: [1, 2] }],
    ['single quotes', "{'city': 'L\\'Aquila \"AQ\"'}", { city: 'L\'Aquila "AQ"' }],
    ['an apostrophe in double quotes', '{"city": "L\'Aquila",}', { city: "L'Aquila" }],
    ['a raw line break', '{"note": "one\ntwo\tthree"}', { note: 'one\ntwo\tthree' }],
    ['unquoted names', '{city: "Oslo", days_2: 1e3}', { city: 'Oslo', days_2: 1000 }],
    ['words of another language', "{'a': True, 'b': False, 'c': None}", { a: true, b: false, c: null }],
    ['a comma in a text before a bracket', '{"city": "a,]", "b": \'c,}\'}', { city: 'a,]', b: 'c,}' }],
    ['an object encoded twice', '"{\\"city\\":\\"Oslo\\"}"', { city: 'Oslo' }],
  ];
  for (const [what, text, args] of mended) {
    test(`${what} is mended`, async () => {
      expect(await readArguments(anyTool, text)).toEqual(args);
    });
  }

  const broken: readonly [what: string, text: string][] = [
    ['cut-off text', '{"city": "Os'],
    ['a missing bracket', '{"city": "Oslo"'],
    ['prose', 'Oslo please'],
    ['a list', '["Oslo"]'],
    ['a text', '"Oslo"'],
    ['null', 'null'],
    ['a number', '7'],
    ['two objects', '{}{}'],
    ['too much text', `{"city":"${'x'.repeat(MAX_ARGUMENTS_CHARS)}"}`],
    ['endless nesting', `{"a":${'['.repeat(5_000)}${']'.repeat(5_000)}}`],
  ];
  for (const [what, text] of broken) {
    test(`${what} is refused`, async () => {
      expect(await refused(readArguments(anyTool, text))).toMatchObject({ code: 'ERR_TOOL_ARGUMENTS' });
    });
  }

  test('arguments cannot reach a prototype', async () => {
    const text =
      '{"__proto__":{"admin":true},"a":[{"__proto__":{"admin":true}}],"constructor":{"prototype":{"admin":true}}}';
    const args = await readArguments(anyTool, text);
    // What a careless tool would do with them.
    const copy = Object.assign({}, args) as { admin?: boolean; a?: object[] };
    expect(copy.admin).toBeUndefined();
    expect(Object.assign({}, copy.a?.[0])).not.toHaveProperty('admin');
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
    expect(Object.hasOwn(copy, 'constructor')).toBe(false);
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  test('good JSON is never changed by the repair', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(0, 2), (text, indent) => {
        const source = JSON.stringify(JSON.parse(text), null, indent);
        expect(JSON.parse(repairJson(source))).toEqual(JSON.parse(source));
      }),
    );
  });

  test('whatever the model writes, it is read or refused, and never anything else', async () => {
    const scrap = fc.array(
      fc.constantFrom('{', '}', '[', ']', '"', "'", ',', ':', '\\', 'a', '1', '-', '\n', '```', 'True'),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          scrap.map((parts) => parts.join('')),
        ),
        async (text) => {
          const error = await refused(readArguments(anyTool, text));
          if (error !== undefined) expect(error.code).toBe('ERR_TOOL_ARGUMENTS');
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('prepareCall', () => {
  test('an unknown tool is told the names there are', async () => {
    const registry = new ToolRegistry([zodTool, tool({ ...rest, name: 'get_time' })]);
    const error = await refused(prepareCall(registry, { name: 'get_wether', arguments: '{}' }));
    expect(error.code).toBe('ERR_TOOL_UNKNOWN');
    expect(error.message).toContain('"get_wether"');
    expect(error.message).toContain('get_weather, get_time');
  });

  test('names of the language are unknown tools like any other', async () => {
    for (const name of ['__proto__', 'constructor', 'toString', '', 'x'.repeat(10_000)]) {
      const error = await refused(prepareCall(new ToolRegistry(), { name, arguments: '{}' }));
      expect(error.code).toBe('ERR_TOOL_UNKNOWN');
      expect(error.message.length).toBeLessThan(300);
    }
  });

  test('a known tool comes with its checked arguments', async () => {
    const registry = new ToolRegistry([zodTool]);
    expect(await prepareCall(registry, { name: 'get_weather', arguments: "{'city': 'Oslo'}" })).toEqual({
      tool: zodTool,
      args: { city: 'Oslo', days: 3 },
    });
  });
});
