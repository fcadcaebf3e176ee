// The rows of all benches as one table for people.
import { type BenchRow, isMet } from './row.ts';

const KEYS = ['p50', 'p95', 'p99', 'value'] as const;

export function showTable(results: Readonly<Record<string, readonly BenchRow[]>>): string {
  const rows = Object.values(results).flat();
  const cells = rows.map((row) => [
    row.name,
    figures(row, row.measured),
    row.target === undefined ? '' : figures(row, row.target, '<= '),
    { true: 'ok', false: 'MISSED', null: '' }[String(isMet(row)) as 'true' | 'false' | 'null'], // one of the three
    row.floor === undefined ? '' : figures(row, row.floor),
    row.note ?? '',
  ]);
  const head = ['what', 'measured', 'target', '', 'without the runtime', 'note'];
  const widths = head.map((title, i) => Math.max(title.length, ...cells.map((line) => (line[i] ?? '').length)));
  const missed = rows.filter((row) => isMet(row) === false).length;
  const targets = rows.filter((row) => row.target !== undefined).length;
  return [
    ...[head, widths.map((width) => '-'.repeat(width)), ...cells].map((line) =>
      line
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    ),
    '',
    `${targets - missed} of ${targets} targets met. Distributions are p50 / p95 / p99.`,
  ].join('\n');
}

function figures(row: BenchRow, of: BenchRow['measured'], prefix = ''): string {
  const list = KEYS.filter((key) => of[key] !== undefined);
  if (list.length === 0) return '';
  const isPartial = prefix !== '' && list[0] !== 'value';
  const text = list.map((key) => `${isPartial ? `${key} ` : ''}${round(of[key] ?? Number.NaN)}`).join(' / ');
  return `${prefix}${text} ${row.unit === 'count' ? '' : row.unit}`.trimEnd();
}

function round(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2);
}
