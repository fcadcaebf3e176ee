// What a telephone bridge says about a call, as typed fields instead of attributes.

/** How far the call is: what SIP bridges of LiveKit say, and what newer ones may add. */
export type SipCallStatus = 'dialing' | 'ringing' | 'automation' | 'active' | 'hangup' | (string & {});

/** A field is null until the bridge has told it: most come some time after the participant has joined. */
export interface SipDetails {
  readonly callId: string | null;
  readonly callIdFull: string | null;
  readonly callTag: string | null;
  readonly trunkId: string | null;
  readonly ruleId: string | null;
  /** The number of ours that is used. */
  readonly trunkPhoneNumber: string | null;
  /** The other side's number. */
  readonly phoneNumber: string | null;
  readonly hostname: string | null;
  readonly callStatus: SipCallStatus | null;
  /** Headers of the call that the trunk passes on, by their name. */
  readonly headers: Readonly<Record<string, string>>;
}

const HEADER = 'sip.h.';

/** Attributes of providers (`sip.twilio.callSid` and others) stay in `attributes`. */
export function sipDetailsOf(attributes: Readonly<Record<string, string>>): SipDetails {
  const text = (name: string) => {
    const value = attributes[`sip.${name}`];
    return value === undefined || value === '' ? null : value;
  };
  return {
    callId: text('callID'),
    callIdFull: text('callIDFull'),
    callTag: text('callTag'),
    trunkId: text('trunkID'),
    ruleId: text('ruleID'),
    trunkPhoneNumber: text('trunkPhoneNumber'),
    phoneNumber: text('phoneNumber'),
    hostname: text('hostname'),
    callStatus: text('callStatus'),
    headers: Object.fromEntries(
      Object.entries(attributes)
        .filter(([name]) => name.startsWith(HEADER))
        .map(([name, value]) => [name.slice(HEADER.length), value]),
    ),
  };
}
