// Turns what a language model writes (markdown, symbols, links, emoji) into plain words that flite can read out.

const MONTHS = 'January February March April May June July August September October November December'.split(' ');

/** Letters that do not fall apart into a base letter and an accent. */
const LETTERS: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  Æ: 'Ae',
  ø: 'o',
  Ø: 'O',
  ł: 'l',
  Ł: 'L',
  đ: 'd',
  Đ: 'D',
  œ: 'oe',
  Œ: 'Oe',
  þ: 'th',
  Þ: 'Th',
  ı: 'i',
};

type Rule = readonly [RegExp, string | ((...groups: string[]) => string)];

/** Applied in order; what looks like markup goes first so that its characters are not read as symbols. */
const RULES: readonly Rule[] = [
  [/\p{Surrogate}/gu, ' '],
  [
    /[\p{Cc}\p{Cf}\p{Variation_Selector}]/gu,
    (char: string) => (char === '\n' || char === '\t' ? '\n' : char === '\u200d' ? '' : ' '),
  ],
  [/[‘’‚‛]/g, "'"],
  [/[“”„«»]/g, '"'],
  [/!?\[([^\]]*)\]\([^)]*\)/g, '$1'],
  [/\b(?:https?:\/\/|www\.)([^\s<>"')\]]+)/gi, (_all, address) => hostOf(address)],
  [/([\w.+-]+)@([\w-]+(?:\.[\w-]+)+)/g, (_all, name, host) => `${name} at ${dotted(host)}`],
  [/<\/?[a-z][^<>]*>/gi, ' '],
  [/^[ \t]*(?:#{1,6}|[-*+•]|>+)[ \t]+/gm, ''],
  [/^[ \t]*[-=_*|: ]{3,}$/gm, ''],
  [/```\w*|~~/g, ' '],
  [/(\d)\s*[*×]\s*(?=\d)/g, '$1 times '],
  [/[*`|\\^]+/g, ' '],
  [/_+/g, ' '],
  // dates, times and years
  [
    /\b(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])\b/g,
    (_all, y, m, d) => `${MONTHS[Number(m) - 1]} ${Number(d)}, ${y}`,
  ],
  [/\b(\d{1,2}):(\d\d):\d\d\b/g, '$1:$2'],
  [/\b0?(\d|1\d|2[0-3]):00\b(?!\s*[ap]\.?m)/gi, (_all, hour) => `${hour} o'clock`],
  [/\b00:(\d\d)\b/g, (_all, minutes) => `zero ${Number(minutes) < 10 ? 'oh ' : ''}${Number(minutes)}`],
  [/\b0(\d):(\d\d)\b/g, '$1:$2'],
  [/(\d)\s*([ap])\.?m\b\.?/gi, (_all, digit, half) => `${digit} ${half?.toLowerCase()}.m.`],
  [
    /\b((?:in|since|from|until|by|year|of)\s+)(1[1-9])(\d\d)\b/gi,
    (_all, before, century, year) => `${before}${century} ${year === '00' ? 'hundred' : year.replace(/^0/, 'oh ')}`,
  ],
  // units and signs
  [/°\s*C\b/g, ' degrees Celsius'],
  [/°\s*F\b/g, ' degrees Fahrenheit'],
  [/°/g, ' degrees '],
  [/[€]\s*(\d[\d.,]*\d|\d)/g, '$1 euros'],
  [/[£]\s*(\d[\d.,]*\d|\d)/g, '$1 pounds'],
  [/€/g, ' euros'],
  [/£/g, ' pounds'],
  [/(\d)\s*km\/h\b/g, '$1 kilometers per hour'],
  [/(\d)\s*m\/s\b/g, '$1 meters per second'],
  [/(\d)\s*km\b/g, '$1 kilometers'],
  [/(\d)\s*kg\b/g, '$1 kilograms'],
  [/(\d)\s*[–-]\s*(?=\d)/g, '$1 to '],
  [/−/g, '-'],
  [/\s*(?:[—–]|--+)\s*/g, ', '],
  [/\s+-\s+/g, ', '],
  [/…/g, '...'],
  [/&/g, ' and '],
  [/\+(?=\s*\d)/g, ' plus '],
  [/=/g, ' equals '],
  [/#\s*(?=\d)/g, 'number '],
  [/~\s*(?=\d)/g, 'about '],
  [/@/g, ' at '],
  [/([a-z])\/(?=[a-z])/gi, '$1 or '],
  [/(\d\.\d+)\.(?=\d)/g, '$1 point '],
  [/[ßæÆøØłŁđĐœŒþÞı]/g, (letter: string) => LETTERS[letter] ?? ' '],
];

/**
 * Plain ASCII words for the synthesizer, or an empty string when there is nothing to say in English (emoji, rules of a
 * table, other scripts).
 */
export function speakable(text: string): string {
  const marked = RULES.reduce((so_far, [from, to]) => replaced(so_far, from, to), text);
  const ascii = marked
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^ -~]/g, ' ')
    .replace(/[#~<>{}[\]]/g, ' ')
    .replace(/\s+/g, ' ')
    .replace(/ ([,.!?;:])/g, '$1')
    .trim();
  return /[a-z0-9]/i.test(ascii) ? ascii : '';
}

// String.replace has two overloads, and a union argument fits neither.
const replaced = (text: string, from: RegExp, to: Rule[1]) =>
  typeof to === 'string' ? text.replace(from, to) : text.replace(from, to);

const dotted = (host: string) => host.replaceAll('.', ' dot ');

/** Nobody wants a path read out: the host is enough. Full stops after the address belong to the sentence. */
function hostOf(address: string): string {
  const end = /[.,!?;:]+$/.exec(address)?.[0] ?? '';
  const host = (address.slice(0, address.length - end.length).split(/[/?#:]/)[0] ?? '').replace(/^www\./i, '');
  return `${dotted(host)}${end}`;
}
