// For the slots of charts under test.

/** Work that never ends. */
export const hang = (): Promise<never> => new Promise(() => {});
