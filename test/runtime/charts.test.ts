import { expect, test } from 'vitest';
import { charts } from '../../src/index.ts';
import { auditChart, toMermaid } from '../../src/testing/index.ts';

test.each(Object.entries(charts))(
  'the public chart %s has its own name, passes the audit and can be drawn',
  (name, chart) => {
    expect(chart.id).toBe(name);
    expect(auditChart(chart)).toEqual([]);
    expect(toMermaid(chart)).toMatch(/^stateDiagram-v2\n/);
  },
);
