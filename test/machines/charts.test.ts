import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { allMachines, drawings } from '../../scripts/chart-drawings.ts';
import { auditChart } from '../../src/testing/chart-audit.ts';
import { toStudioJson } from '../../src/testing/chart-export.ts';

const root = new URL('../../', import.meta.url);

describe('charts', () => {
  for (const [name, machine] of allMachines()) {
    test(`${name} passes the audit`, () => {
      expect(auditChart(machine)).toEqual([]);
    });

    test(`${name} can be exported as JSON`, () => {
      const json = toStudioJson(machine);
      expect(JSON.parse(JSON.stringify(json))).toEqual(json);
    });
  }

  for (const [file, text] of drawings()) {
    test(`docs/charts/${file} shows the chart as it is (npm run charts)`, () => {
      expect(readFileSync(new URL(`docs/charts/${file}`, root), 'utf8')).toBe(text);
    });
  }

  test('there is no drawing without a chart', () => {
    const committed = readdirSync(new URL('docs/charts/', root)).filter((file) => file.endsWith('.mmd'));
    expect(committed.sort()).toEqual([...drawings().keys()].sort());
  });

  test('every machine file is in the list', () => {
    const files = readdirSync(new URL('src/machines/', root)).filter((file) => file.endsWith('.machine.ts'));
    const index = readFileSync(new URL('src/machines/index.ts', root), 'utf8');
    expect(files.filter((file) => !index.includes(`'./${file}'`))).toEqual([]);
  });

  test('no two machines have the same id', () => {
    const ids = [...allMachines().values()].map((machine) => machine.id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
