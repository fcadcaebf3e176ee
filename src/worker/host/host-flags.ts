// Flags of Node for host processes.

const FLAG = '--max-semi-space-size';
/**
 * Megabytes of a half of the young generation. Node lets it grow to 16, of which three are held: with five calls a host
 * kept 40 MB more for garbage, and cleaning up more often cost no time that could be measured.
 */
const SEMI_SPACE_MB = 4;

/** The flags of this process, and a small young generation unless somebody chose its size. */
export function hostFlags(execArgv: readonly string[], nodeOptions = ''): string[] {
  const isChosen = [...execArgv, nodeOptions].some((text) => text.replaceAll('_', '-').includes(FLAG));
  return isChosen ? [...execArgv] : [...execArgv, `${FLAG}=${SEMI_SPACE_MB}`];
}
