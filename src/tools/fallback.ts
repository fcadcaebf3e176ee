// What the model reads when a call has no answer of its own.
import { INTERNAL_ERROR_TEXT } from '../model-texts.ts';
import { FALLBACK_MESSAGE, type Tool } from './tool.ts';

/**
 * @param reason `unavailable`: the breaker is open; `timedOut`: the last try hung; `failed`: the last try threw
 * @param tool undefined when it was unregistered meanwhile
 */
export function fallbackText(
  tool: Pick<Tool, 'fallbackMessage' | 'hasOwnFallback'> | undefined,
  reason: 'unavailable' | 'timedOut' | 'failed',
): string {
  if (reason !== 'failed') return tool?.fallbackMessage ?? FALLBACK_MESSAGE;
  return tool?.hasOwnFallback === true ? tool.fallbackMessage : INTERNAL_ERROR_TEXT;
}
