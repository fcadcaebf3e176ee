// The server's API, as a test asks it.
import { AgentDispatchClient, RoomServiceClient } from 'livekit-server-sdk';
import type { LivekitAccess } from './server.ts';

const given = ({ url, apiKey, apiSecret }: LivekitAccess) => [url.replace(/^ws/, 'http'), apiKey, apiSecret] as const;

export const dispatchClient = (access: LivekitAccess) => new AgentDispatchClient(...given(access));
export const roomClient = (access: LivekitAccess) => new RoomServiceClient(...given(access));
