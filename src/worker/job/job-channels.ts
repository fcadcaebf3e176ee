// The data channels of a session in the room of a job; both are open unless the job closes them.
import type { AgentSession } from '../../runtime/agent-session.ts';
import {
  type AgentControlOptions,
  attachAgentControl,
  attachSessionChannel,
  type LivekitTransport,
  type SessionChannelOptions,
} from '../../transports/livekit/index.ts';

export interface JobChannelOptions {
  /** The topic `agent-control`: who may ask the session for what, in JSON; false closes it. Default: the user, what is harmless. */
  readonly agentControl?: AgentControlOptions | false | undefined;
  /** The topic `lk.agent.session` of the official front ends; false closes it. Default: open to the user. */
  readonly sessionChannel?: SessionChannelOptions | false | undefined;
}

/** @throws AgentError `ERR_OPTION` naming field and rule */
export function openChannels(
  session: AgentSession,
  transport: LivekitTransport,
  { agentControl = {}, sessionChannel = {} }: JobChannelOptions,
): void {
  if (agentControl !== false) attachAgentControl(session, transport, agentControl);
  if (sessionChannel !== false) attachSessionChannel(session, transport, sessionChannel);
}
