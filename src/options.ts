// Option rules shared by every edge: one zod parse, one coded error that names field, rule and fix.
import type { z } from 'zod';
import { AgentError, type ErrorCode } from './errors.ts';

/**
 * Parses `value` with `schema`. The first issue becomes an {@link AgentError} that names the field and the rule.
 * @throws AgentError `ERR_OPTION` (or `code`)
 */
export function parseOptions<S extends z.ZodType>(
  schema: S,
  value: unknown,
  where: string,
  code: ErrorCode = 'ERR_OPTION',
): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue?.path.map(String).join('.') ?? '';
  throw new AgentError(code, `${where} is not valid`, {
    field: path === '' ? where : path,
    rule: issue?.message ?? 'does not fit its schema',
    fix: `Correct \`${path === '' ? where : path}\` and call again`,
    cause: result.error,
  });
}
