// Text as words that can be compared: no case, no punctuation, numbers spelled out; and how far two texts are apart.

const ONES =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'.split(
    ' ',
  );
const TENS = ['', '', 'twenty', 'thirty', 'forty', 'fifty', 'sixty', 'seventy', 'eighty', 'ninety'];
/** Spellings of the same sound. */
const SAME: ReadonlyMap<string, string> = new Map([
  ['voice mail', 'voicemail'],
  ['log in', 'login'],
  ['logged in', 'login'],
  ['call back', 'callback'],
  ['e mail', 'email'],
  ['ok', 'okay'],
]);

/** The words of a text. `Press 12, please!` -> press twelve please */
export function wordsOf(text: string): readonly string[] {
  const plain = text
    .toLowerCase()
    .replace(/[\u2018\u2019]/g, "'")
    .replace(/\d+/g, (digits) => ` ${spelled(digits)} `)
    .replace(/#/g, ' pound ')
    .replace(/[^a-z' ]+/g, ' ')
    .replace(/(^|\s)'+|'+(\s|$)/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  const same = [...SAME].reduce((all, [from, to]) => ` ${all} `.replaceAll(` ${from} `, ` ${to} `).trim(), plain);
  return same === '' ? [] : same.split(' ');
}

/** Up to 9 999 as a number, longer ones digit by digit. */
function spelled(digits: string): string {
  const value = Number(digits);
  if (digits.length > 4 || (digits.length > 1 && digits.startsWith('0')))
    return [...digits].map((digit) => ONES[Number(digit)]).join(' ');
  if (value < 20) return ONES[value] ?? '';
  if (value < 100) return `${TENS[Math.floor(value / 10)]} ${value % 10 === 0 ? '' : ONES[value % 10]}`;
  const [unit, name] = value < 1000 ? [100, 'hundred'] : [1000, 'thousand'];
  const rest = value % unit;
  return `${spelled(String(Math.floor(value / unit)))} ${name} ${rest === 0 ? '' : spelled(String(rest))}`;
}

/** Words to insert, delete or replace to turn one text into the other. */
export function wordErrors(heard: readonly string[], said: readonly string[]): number {
  let row = said.map((_, i) => i + 1);
  row.unshift(0);
  for (const [h, word] of heard.entries()) {
    const next = [h + 1];
    for (const [s, other] of said.entries())
      next.push(Math.min((next[s] ?? 0) + 1, (row[s + 1] ?? 0) + 1, (row[s] ?? 0) + (word === other ? 0 : 1)));
    row = next;
  }
  return row[said.length] ?? 0;
}
