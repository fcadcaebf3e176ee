import { expect, test } from 'vitest';
import { toRgba, type YuvFrame, yuvLength } from '../../../../src/transports/livekit/video/yuv.ts';

/** A frame of one brightness for each pixel, without colour. */
function grey(rows: readonly (readonly number[])[], rotationDegrees: YuvFrame['rotationDegrees'] = 0): YuvFrame {
  const [heightPx, widthPx] = [rows.length, rows[0]?.length ?? 0];
  const data = new Uint8Array(yuvLength(widthPx, heightPx)).fill(128);
  data.set(rows.flat());
  return { data, widthPx, heightPx, rotationDegrees };
}

/** Brightness of the result, row by row, scaled as the frame was. */
function shades({ data, widthPx, heightPx }: ReturnType<typeof toRgba>): number[][] {
  return Array.from({ length: heightPx }, (_, y) =>
    Array.from({ length: widthPx }, (_, x) => Math.round((data[4 * (y * widthPx + x)] ?? 0) / 1.164 + 16)),
  );
}

const ROWS = [
  [20, 40, 60],
  [80, 100, 120],
];

test.each([
  [0, ROWS],
  [
    90,
    [
      [80, 20],
      [100, 40],
      [120, 60],
    ],
  ],
  [
    180,
    [
      [120, 100, 80],
      [60, 40, 20],
    ],
  ],
  [
    270,
    [
      [60, 120],
      [40, 100],
      [20, 80],
    ],
  ],
] as const)('turned clockwise by %i degrees it is upright', (degrees, expected) => {
  expect(shades(toRgba(grey(ROWS, degrees), 100))).toEqual(expected);
});

test.each([
  ['black', [16, 128, 128], [0, 0, 0]],
  ['white', [235, 128, 128], [255, 255, 255]],
  ['red', [81, 90, 240], [254, 0, 0]],
  ['green', [145, 54, 34], [0, 255, 0]],
  ['blue', [41, 240, 110], [0, 0, 255]],
] as const)('the code of %s in video is that colour', (_name, [y, u, v], expected) => {
  const data = new Uint8Array([y, y, y, y, u, v]);
  const image = toRgba({ data, widthPx: 2, heightPx: 2, rotationDegrees: 0 }, 2);
  for (const [index, value] of expected.entries()) expect(Math.abs((image.data[index] ?? 0) - value)).toBeLessThan(3);
  expect(image.data[3]).toBe(255);
});

test('made smaller, each pixel is the mean of those it stands for', () => {
  const rows = [
    [20, 40, 100, 100],
    [60, 80, 100, 100],
  ];
  expect(shades(toRgba(grey(rows), 2))).toEqual([[50, 100]]);
});

test.each([
  [1_280, 720, 1_024, 1_024, 576],
  [720, 1_280, 1_024, 576, 1_024],
  [640, 480, 1_024, 640, 480],
  [641, 3, 100, 100, 1],
  [1, 4_000, 64, 1, 64],
  [5, 3, 64, 5, 3],
])('%i x %i with at most %i pixels becomes %i x %i', (widthPx, heightPx, longest, width, height) => {
  const data = new Uint8Array(yuvLength(widthPx, heightPx)).fill(100);
  const image = toRgba({ data, widthPx, heightPx, rotationDegrees: 0 }, longest);
  expect([image.widthPx, image.heightPx, image.data.length]).toEqual([width, height, width * height * 4]);
});

test('each part of the picture has its own colour', () => {
  const [red, blue] = [
    [81, 90, 240],
    [41, 240, 110],
  ] as const;
  const halves = (plane: 0 | 1 | 2, count: number) => [
    ...Array<number>(count).fill(red[plane]),
    ...Array<number>(count).fill(blue[plane]),
  ];
  const data = new Uint8Array([...halves(0, 16), ...halves(1, 4), ...halves(2, 4)]);
  for (const longest of [8, 4]) {
    const image = toRgba({ data, widthPx: 4, heightPx: 8, rotationDegrees: 0 }, longest);
    const pixels = Array.from({ length: image.heightPx }, (_, y) =>
      image.data.slice(4 * y * image.widthPx).slice(0, 3),
    );
    const names = pixels.map(([r = 0, , b = 0]) => (r > 240 && b < 15 ? 'red' : b > 240 && r < 15 ? 'blue' : 'mixed'));
    const half = image.heightPx / 2;
    expect(names).toEqual([...Array<string>(half).fill('red'), ...Array<string>(half).fill('blue')]);
  }
});

test('colours of odd sizes come from their own planes', () => {
  const data = new Uint8Array([81, 81, 81, 90, 90, 240, 240]);
  const image = toRgba({ data, widthPx: 3, heightPx: 1, rotationDegrees: 0 }, 3);
  expect([0, 1, 2].every((x) => (image.data[4 * x] ?? 0) > 250 && (image.data[4 * x + 2] ?? 9) < 9)).toBe(true);
});
