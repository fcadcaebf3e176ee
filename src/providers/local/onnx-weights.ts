// Reads the named weights out of an ONNX file: as much protobuf as that takes, and no graph.
import { AgentError } from '../../errors.ts';

// Field numbers of onnx.proto.
const MODEL_GRAPH = 7;
const GRAPH_NODE = 1;
const NODE_ATTRIBUTE = 5;
const ATTRIBUTE_TENSOR = 5;
const ATTRIBUTE_GRAPH = 6;
const TENSOR_NAME = 8;
const TENSOR_RAW_DATA = 9;

/**
 * The float tensors of the constants in a branch, by their name in the model, e.g. `decoder.rnn.weight_ih`. Names occur
 * in both branches of the top-level choice (8 and 16 kHz); `branch` is `then_branch` (16 kHz) or `else_branch`.
 * @throws AgentError `ERR_MODEL_CORRUPT` when the bytes are no such file
 */
export function readOnnxWeights(
  bytes: Uint8Array,
  branch: 'then_branch' | 'else_branch',
): ReadonlyMap<string, Float32Array> {
  const weights = new Map<string, Float32Array>();
  try {
    for (const graph of all(bytes, MODEL_GRAPH))
      for (const node of all(graph, GRAPH_NODE))
        for (const attribute of all(node, NODE_ATTRIBUTE))
          if (textIn(attribute, 1) === branch)
            for (const inner of all(attribute, ATTRIBUTE_GRAPH)) collect(inner, weights);
  } catch (cause) {
    throw new AgentError('ERR_MODEL_CORRUPT', 'an ONNX file cannot be read', { cause });
  }
  return weights;
}

function collect(graph: Uint8Array, into: Map<string, Float32Array>): void {
  for (const node of all(graph, GRAPH_NODE))
    for (const attribute of all(node, NODE_ATTRIBUTE))
      for (const tensor of all(attribute, ATTRIBUTE_TENSOR)) {
        const name = textIn(tensor, TENSOR_NAME);
        const [raw] = all(tensor, TENSOR_RAW_DATA);
        if (name !== '' && raw !== undefined) into.set(name, new Float32Array(Uint8Array.from(raw).buffer)); // a copy: floats need alignment
      }
}

function textIn(message: Uint8Array, field: number): string {
  const [value] = all(message, field);
  return value === undefined ? '' : new TextDecoder().decode(value);
}

/** The length-delimited values of one field, in order. */
function all(message: Uint8Array, field: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++];
      if (byte === undefined) throw new RangeError('the message is cut off');
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const key = varint();
    const wire = key % 8;
    if (wire === 0) varint();
    else {
      const length = wire === 2 ? varint() : wire === 5 ? 4 : wire === 1 ? 8 : Number.NaN;
      if (!(at + length <= message.length)) throw new RangeError('the message is cut off');
      if (wire === 2 && Math.floor(key / 8) === field) found.push(message.subarray(at, at + length));
      at += length;
    }
  }
  return found;
}
