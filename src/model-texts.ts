// What the model reads of a call that has no answer of its own. Never holds a detail of a failure.

/** Any failure that is not meant for the model. */
export const INTERNAL_ERROR_TEXT = 'An internal error occurred';
/** A call that was cancelled, so that no call is left without an output. */
export const CANCELLED_TEXT = 'The call was cancelled before it finished';
