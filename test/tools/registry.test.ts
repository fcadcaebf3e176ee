import { describe, expect, test } from 'vitest';
import { globalTools, ToolRegistry, tool } from '../../src/tools/index.ts';

const make = (name: string) => tool({ name, description: 'A tool', execute: () => 'ok' });
const weather = make('get_weather');
const time = make('get_time');

describe('ToolRegistry', () => {
  test('tools are found by name and listed in order of registration', () => {
    const registry = new ToolRegistry([weather]);
    registry.register(time);
    expect(registry.get('get_time')).toBe(time);
    expect(registry.has('get_weather')).toBe(true);
    expect(registry.has('toString')).toBe(false);
    expect(registry.get('__proto__')).toBeUndefined();
    expect(registry.list()).toEqual([weather, time]);
    expect(registry.size).toBe(2);
  });

  test('a taken name is refused', () => {
    const registry = new ToolRegistry([weather]);
    expect(() => registry.register(make('get_weather'))).toThrow(
      expect.objectContaining({ code: 'ERR_TOOL_DEFINITION', field: 'name' }),
    );
    expect(registry.get('get_weather')).toBe(weather);
  });

  test('a list is registered as a whole or not at all', () => {
    const registry = new ToolRegistry([weather]);
    expect(() => registry.registerAll([time, make('get_weather')])).toThrow();
    expect(() => registry.registerAll([time, make('get_time')])).toThrow();
    expect(registry.list()).toEqual([weather]);
    expect(registry.registerAll([time, make('set_alarm')])).toBe(2);
  });

  test('a bare definition is refused with what to do', () => {
    const bare = { name: 'get_weather', description: 'A tool', execute: () => 'ok' };
    // Not a tool by type either; users of plain JavaScript do this.
    expect(() => new ToolRegistry([bare as never])).toThrow(/tool\(\{/);
  });

  test('an unregistered name is free again', () => {
    const registry = new ToolRegistry([weather]);
    expect(registry.unregister('get_weather')).toBe(true);
    expect(registry.unregister('get_weather')).toBe(false);
    registry.register(make('get_weather'));
    expect(registry.size).toBe(1);
  });

  test('a module gives every tool it exports, each once', () => {
    const registry = new ToolRegistry();
    expect(registry.registerModule({ weather, time, default: weather, VERSION: '1.0', help: () => 'x' })).toBe(2);
    expect(registry.list()).toEqual([weather, time]);
  });

  test('a module without tools is refused', () => {
    expect(() => new ToolRegistry().registerModule({ VERSION: '1.0' })).toThrow(
      expect.objectContaining({ code: 'ERR_TOOL_DEFINITION', field: 'exports' }),
    );
  });

  test('registries do not share tools', () => {
    const one = new ToolRegistry([weather]);
    expect(new ToolRegistry().has('get_weather')).toBe(false);
    expect(globalTools.has('get_weather')).toBe(false);
    expect(one.size).toBe(1);
  });
});
