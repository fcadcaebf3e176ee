// A decoded video frame made smaller, turned upright and into RGBA, in one pass over the pixels that are kept.

/** I420: a plane of brightness, then two of colour at half the size in each direction. */
export interface YuvFrame {
  readonly data: Uint8Array;
  readonly widthPx: number;
  readonly heightPx: number;
  /** Turn clockwise by this much to see it upright; telephones send what their sensor gives. */
  readonly rotationDegrees: 0 | 90 | 180 | 270;
}

export interface RgbaImage {
  readonly data: Uint8ClampedArray;
  readonly widthPx: number;
  readonly heightPx: number;
}

/** Bytes of a frame of this size; odd sizes round the planes of colour up. */
export function yuvLength(widthPx: number, heightPx: number): number {
  return widthPx * heightPx + 2 * Math.ceil(widthPx / 2) * Math.ceil(heightPx / 2);
}

/** Each pixel of the result is the mean brightness of those it stands for, so that writing stays readable when made small. */
export function toRgba({ data, widthPx, heightPx, rotationDegrees }: YuvFrame, longestSidePx: number): RgbaImage {
  const scale = Math.min(1, longestSidePx / Math.max(widthPx, heightPx));
  const width = Math.max(1, Math.round(widthPx * scale));
  const height = Math.max(1, Math.round(heightPx * scale));
  const isTurned = rotationDegrees === 90 || rotationDegrees === 270;
  const outWidth = isTurned ? height : width;
  const out = new Uint8ClampedArray(width * height * 4);
  const chromaWidth = Math.ceil(widthPx / 2);
  const uStart = widthPx * heightPx;
  const vStart = uStart + chromaWidth * Math.ceil(heightPx / 2);
  const columns = edges(widthPx, width);
  const rows = edges(heightPx, height);
  for (let y = 0; y < height; y++) {
    const top = rows[y] ?? 0;
    const bottom = rows[y + 1] ?? heightPx;
    const chromaRow = ((top + bottom) >> 2) * chromaWidth;
    for (let x = 0; x < width; x++) {
      const left = columns[x] ?? 0;
      const right = columns[x + 1] ?? widthPx;
      let sum = 0;
      for (let sy = top; sy < bottom; sy++)
        for (let at = sy * widthPx + left, end = sy * widthPx + right; at < end; at++) sum += data[at] ?? 0;
      const chroma = chromaRow + ((left + right) >> 2);
      // BT.601 with the narrow range of video: what WebRTC decodes to.
      const luma = 1.164 * (sum / ((bottom - top) * (right - left)) - 16);
      const u = (data[uStart + chroma] ?? 128) - 128;
      const v = (data[vStart + chroma] ?? 128) - 128;
      const at = 4 * place(x, y, width, height, outWidth, rotationDegrees);
      out[at] = luma + 1.596 * v;
      out[at + 1] = luma - 0.392 * u - 0.813 * v;
      out[at + 2] = luma + 2.017 * u;
      out[at + 3] = 255;
    }
  }
  return { data: out, widthPx: outWidth, heightPx: isTurned ? width : height };
}

/** Where each of `parts` parts of `length` pixels begins, and where the last one ends. */
function edges(length: number, parts: number): Int32Array {
  return Int32Array.from({ length: parts + 1 }, (_, index) => Math.floor((index * length) / parts));
}

function place(x: number, y: number, width: number, height: number, outWidth: number, degrees: number): number {
  switch (degrees) {
    case 90:
      return x * outWidth + (height - 1 - y);
    case 180:
      return (height - 1 - y) * outWidth + (width - 1 - x);
    case 270:
      return (width - 1 - x) * outWidth + y;
    default:
      return y * outWidth + x;
  }
}
