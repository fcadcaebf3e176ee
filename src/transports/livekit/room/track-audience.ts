// Who in a room may hear which track of the agent: the server enforces it, whatever a client asks for.
import { AgentError } from '../../../errors.ts';
import { type RtcLocalParticipant, requireOfRtc } from '../rtc.ts';

export interface PublishedTrack {
  readonly sid: string | undefined;
  /** The only one who may hear it; null: everybody. */
  readonly listener: string | null;
}

/** What each participant may hear; whoever is not named hears nothing. Null: everybody hears everything. */
export type TrackAudience = readonly { readonly identity: string; readonly trackSids: readonly string[] }[] | null;

/** Returns when the library has taken it; the server applies it at once. */
export type LimitTracks = (participant: RtcLocalParticipant, audience: TrackAudience) => Promise<void>;

/** Listeners of private tracks count as present: who comes back after being cut off hears at once. */
export function audienceOf(tracks: readonly PublishedTrack[], present: Iterable<string>): TrackAudience {
  if (tracks.every(({ listener }) => listener === null)) return null;
  const listeners = tracks.flatMap(({ listener }) => listener ?? []);
  return [...new Set([...present, ...listeners])].map((identity) => ({
    identity,
    trackSids: tracks
      .filter(({ listener }) => listener === null || listener === identity)
      .flatMap(({ sid }) => sid ?? []),
  }));
}

/** What of the room library's own binding is needed: it can limit listeners, its public surface cannot. */
interface Binding {
  readonly FfiRequest: new (fields: object) => { toBinary(): Uint8Array };
  readonly FfiResponse: { fromBinary(bytes: Uint8Array): { readonly message: { readonly case?: string | undefined } } };
  readonly SetTrackSubscriptionPermissionsRequest: new (fields: object) => object;
  readonly ParticipantTrackPermission: new (fields: object) => object;
  livekitFfiRequest(bytes: Uint8Array): Uint8Array;
}

const REQUEST = 'setTrackSubscriptionPermissions';

/**
 * By the native library, which has the request and no function for it.
 * @throws AgentError `ERR_TRANSPORT` when this version of the library cannot do it: rather no call than one that others hear
 */
export const limitTracks: LimitTracks = async (participant, audience) => {
  try {
    const handle = handleOf(participant);
    const { FfiRequest, FfiResponse, SetTrackSubscriptionPermissionsRequest, ParticipantTrackPermission, ...binding } =
      await loadBinding();
    const value = new SetTrackSubscriptionPermissionsRequest({
      localParticipantHandle: handle,
      allParticipantsAllowed: audience === null,
      permissions: (audience ?? []).map(
        ({ identity, trackSids }) =>
          new ParticipantTrackPermission({
            participantIdentity: identity,
            allowAll: false,
            allowedTrackSids: [...trackSids],
          }),
      ),
    });
    const request = new FfiRequest({ message: { case: REQUEST, value } }).toBinary();
    const answer = FfiResponse.fromBinary(new Uint8Array(binding.livekitFfiRequest(request)));
    if (answer.message.case !== REQUEST) throw new Error(`the library answered ${answer.message.case}`);
  } catch (cause) {
    throw new AgentError('ERR_TRANSPORT', 'the room library cannot limit who hears the agent', {
      fix: 'Install @livekit/rtc-node@1.1.0, or use sessions that everybody in the room may hear',
      retryable: false,
      cause,
    });
  }
};

function handleOf(participant: object): bigint {
  const owner: unknown = 'ffi_handle' in participant ? participant.ffi_handle : undefined;
  if (typeof owner !== 'object' || owner === null || !('handle' in owner) || typeof owner.handle !== 'bigint')
    throw new Error('a participant without a handle');
  return owner.handle;
}

/** The binding that the room library itself uses: another copy of it would not know the room. */
async function loadBinding(): Promise<Binding> {
  const binding: unknown = (await requireOfRtc())('@livekit/rtc-ffi-bindings');
  return binding as Binding; // what does not fit throws, and is caught above
}
