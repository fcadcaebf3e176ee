import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { speakable } from '../../../src/providers/local/flite-text.ts';

describe('text that flite can read out', () => {
  it.each([
    ['**Sunny** with _light_ `wind`', 'Sunny with light wind'],
    ['# Weather\n- Paris: 21°C', 'Weather Paris: 21 degrees Celsius'],
    ['See [the map](https://x.org/a?b=1).', 'See the map.'],
    ['Go to https://www.example.com/path?q=1.', 'Go to example dot com.'],
    ['Mail joe@example.org now', 'Mail joe at example dot org now'],
    ['Great 😀👍🏽 news 🇫🇷!', 'Great news!'],
    ['caf\u00e9 M\u00fcnchen \u0141\u00f3d\u017a', 'cafe Munchen Lodz'],
    ['a\ud800b \u0000 c', 'a b c'],
    ['It is 15:00.', "It is 15 o'clock."],
    ['It is 15:42:10', 'It is 15:42'],
    ['It is 00:07', 'It is zero oh 7'],
    ['at 9am or 10 PM', 'at 9 a.m. or 10 p.m.'],
    ['on 2026-11-22', 'on November 22, 2026'],
    ['in 1999', 'in 19 99'],
    ['€5 and 3 km/h', '5 euros and 3 kilometers per hour'],
    ['−3° – cold', '-3 degrees, cold'],
    ['3–4 days', '3 to 4 days'],
    ['R&B, and/or 5*3 = 15', 'R and B, and or or 5 times 3 equals 15'],
    ['x — y…', 'x, y...'],
    ['| --- | --- |', ''],
    ['```ts', ''],
    ['世界', ''],
    ['<b>bold</b>', 'bold'],
    ['-- -o /etc/passwd', ', -o /etc or passwd'],
  ])('%j', (written, spoken) => {
    expect(speakable(written)).toBe(spoken);
  });

  it('any text becomes printable ASCII on one line, or nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 240 }), (text) => {
        expect(speakable(text)).toMatch(/^[ -~]*$/);
      }),
    );
  });
});
