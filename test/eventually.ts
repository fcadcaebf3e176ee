// The wait of tests with real processes, sockets and files.
import { vi } from 'vitest';

/**
 * Tries again until it does not throw. Processes start within seconds, on a busy machine too; a little less than the limit
 * of a test, so that what is missing is told.
 */
export const eventually = (check: () => void) => vi.waitFor(check, { timeout: 19_000, interval: 20 });
