// One attempt to make JSON of what a model wrote almost as JSON. Never invents content: cut-off text stays broken.

/**
 * Rewrites the usual slips: code fences, single quotes, raw line breaks in texts, trailing commas, unquoted names, and the
 * words True, False and None. The result may still be no JSON. Text that is JSON comes back with the same meaning.
 */
export function repairJson(text: string): string {
  const source = withoutFence(text);
  let out = '';
  for (let at = 0; at < source.length; ) {
    const char = source.charAt(at);
    if (char === '"' || char === "'") {
      const end = endOfString(source, at);
      out += requoted(source.slice(at + 1, end), char);
      at = end + 1;
    } else if (char === ',' && /^,\s*[}\]]/.test(source.slice(at, at + 100))) {
      at += 1;
    } else if (/[A-Za-z_$]/.test(char)) {
      const word = /^[\w$]+/.exec(source.slice(at, at + 200))?.[0] ?? char;
      out += WORDS.get(word) ?? (/^\s*:/.test(source.slice(at + word.length, at + 300)) ? `"${word}"` : word);
      at += word.length;
    } else if (/[\d.+-]/.test(char)) {
      // Numbers go through in one piece, so that the e of 1e5 is not taken for a name.
      const number = /^[\d.eE+-]+/.exec(source.slice(at, at + 400))?.[0] ?? char;
      out += number;
      at += number.length;
    } else {
      out += char;
      at += 1;
    }
  }
  return out;
}

const WORDS = new Map([
  ['True', 'true'],
  ['False', 'false'],
  ['None', 'null'],
]);

function withoutFence(text: string): string {
  return /^\s*```\w*\s*\n?([\s\S]*?)\s*```\s*$/.exec(text)?.[1] ?? text;
}

/** Index of the closing quote, or the end of the text. */
function endOfString(source: string, start: number): number {
  const quote = source.charAt(start);
  for (let at = start + 1; at < source.length; at++) {
    if (source.charAt(at) === '\\') at += 1;
    else if (source.charAt(at) === quote) return at;
  }
  return source.length;
}

function requoted(inner: string, quote: string): string {
  let out = '';
  for (let at = 0; at < inner.length; at++) {
    const char = inner.charAt(at);
    if (char === '\\') {
      const next = inner.charAt(at + 1);
      out += next === "'" ? "'" : char + next;
      at += 1;
    } else if (char === '"' && quote === "'") out += '\\"';
    else if (char < ' ') out += JSON.stringify(char).slice(1, -1);
    else out += char;
  }
  return `"${out}"`;
}
