// Contract: language model. A chat request in, a stream of text and tool calls out.
import type { JsonSchema } from '../json.ts';

/** Where an image comes from. */
export type ImageSource = 'camera' | 'screen';

/** A still of what the user shows. */
export interface ChatImage {
  readonly mimeType: 'image/jpeg' | 'image/png' | 'image/webp';
  /** The encoded file; must not be changed. */
  readonly data: Uint8Array;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly source: ImageSource;
}

export type ChatMessage =
  | { readonly role: 'system'; readonly content: string }
  /**
   * `images` are there only for a model that declares them, in the newest user message, oldest image first. `content` is
   * empty where the images alone are meant.
   */
  | { readonly role: 'user'; readonly content: string; readonly images?: readonly ChatImage[] }
  | { readonly role: 'assistant'; readonly content: string; readonly toolCalls?: readonly ChatToolCall[] }
  | {
      readonly role: 'tool';
      readonly callId: string;
      readonly name: string;
      readonly content: string;
      readonly isError: boolean;
    };

export interface ChatToolCall {
  readonly callId: string;
  readonly name: string;
  /** JSON text exactly as the model wrote it; may be broken. */
  readonly arguments: string;
}

export interface ChatTool {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of an object. */
  readonly parameters: JsonSchema;
}

export interface ChatRequest {
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly ChatTool[];
  /** `none` when the reply has used up its tool steps. */
  readonly toolChoice: 'auto' | 'none';
  readonly signal: AbortSignal;
}

export type ChatChunk =
  | { readonly type: 'text'; readonly text: string }
  /** A complete call. Several may come in one step; they run in parallel. */
  | ({ readonly type: 'toolCall' } & ChatToolCall)
  | { readonly type: 'usage'; readonly inputTokens: number; readonly outputTokens: number };

export interface LlmCapabilities {
  /** Takes `images` of user messages. */
  readonly images: boolean;
}

export interface Llm {
  readonly label: string;
  /** Default: text and tools only. */
  readonly capabilities?: LlmCapabilities;
  /** Ends normally when the step is complete. Throws an AgentError (`ERR_PROVIDER`) when it fails. Honours `signal`. */
  chat(request: ChatRequest): AsyncIterable<ChatChunk>;
}
