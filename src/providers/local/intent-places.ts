// Finds the place in a sentence, also when the recognizer wrote it a little wrong.

/** Cities people ask for that have no time zone of their own; the others come from the zone names of the platform. */
const MORE_CITIES =
  'Abu Dhabi,Amritsar,Atlanta,Austin,Baltimore,Bangalore,Barcelona,Basel,Beijing,Birmingham,Bombay,Bonn,Bordeaux,Boston,' +
  'Brasilia,Bremen,Bristol,Calcutta,Calgary,Cancun,Cape Town,Charlotte,Chennai,Cleveland,Cologne,Dallas,Delhi,Dresden,' +
  'Edinburgh,Florence,Frankfurt,Geneva,Genoa,Glasgow,Granada,Hamburg,Hanoi,Hanover,Houston,Hyderabad,Kyoto,Las Vegas,Leeds,' +
  'Leipzig,Lille,Liverpool,Lyon,Manchester,Marseille,Mecca,Memphis,Miami,Milan,Minneapolis,Montreal,Mumbai,Munich,' +
  'Naples,Nashville,New Delhi,New Orleans,Nuremberg,Orlando,Osaka,Ottawa,Oxford,Palermo,Philadelphia,Pisa,Pittsburgh,' +
  'Portland,Porto,Pretoria,Quebec,Rio de Janeiro,Rotterdam,Saint Petersburg,Salzburg,San Antonio,San Diego,San Francisco,' +
  'San Jose,Santa Monica,Seattle,Sevilla,Seville,Shenzhen,Stuttgart,Tel Aviv,Toulouse,Turin,Utrecht,Valencia,Venice,Verona,' +
  'Washington,Wellington,Yokohama';

/** Zone names that are also everyday words, or no cities. */
const NOT_A_CITY = new Set(
  'center,central,eastern,mountain,pacific,easter,midway,wake,troll,nome,knox,marengo,vevay,davis,casey,palmer,south pole,currie,west,north,south,east,act,general,north dakota,beulah,new salem,yap,truk,apia,guam,galapagos,christmas,cocos,chatham,maldives,reunion,bermuda,canary,faroe,faeroe,south georgia,st helena,johnston,jan mayen,vostok,syowa,rothera,mawson,louisville'.split(
    ',',
  ),
);

const AREAS = new Set(['Africa', 'America', 'Asia', 'Atlantic', 'Australia', 'Europe', 'Pacific', 'Indian']);

let cities: ReadonlyMap<string, string> | undefined;

/** Known cities by their lower-case name. Made on first use: the list of zones costs every import some milliseconds. */
function knownCities(): ReadonlyMap<string, string> {
  cities ??= new Map([...zoneCities(), ...MORE_CITIES.split(',')].map((city) => [city.toLowerCase(), city]));
  return cities;
}

/** Words that end a place name. */
const AFTER =
  'today|tomorrow|tonight|now|right|please|like|and|then|this|next|on|at|is|be|during|for|in|with|the|a|currently|again|thanks|thank|or|also|too|weekend|morning|evening|afternoon|week|moment|what|which|how|time|weather|me|us|you|my|your|it|there|here|outside';

export interface FoundPlace {
  /** The name with capitals; a known city when it sounds like one. */
  readonly place: string;
  /** The sentence without the name, for matching the rest. */
  readonly rest: string;
}

/** Is this text, as a whole, the name of a known city (or nearly one)? */
export function knownCity(text: string): string | undefined {
  const name = plain(text);
  return knownCities().get(name) ?? closest(name);
}

/** Finds the place that `sentence` speaks of. */
export function findPlace(sentence: string): FoundPlace | undefined {
  const words = sentence.split(/\s+/).filter((word) => word !== '');
  for (const length of [3, 2, 1])
    for (let at = 0; at + length <= words.length; at++) {
      const city = knownCities().get(plain(words.slice(at, at + length).join(' ')));
      if (city !== undefined) return without(words, at, length, city);
    }
  return afterPreposition(words) ?? nearlyACity(words);
}

/** "in Springfield": any name after a preposition counts, the closest city when there is one. */
function afterPreposition(words: readonly string[]): FoundPlace | undefined {
  const stop = new RegExp(`^(?:${AFTER})$`);
  for (let at = words.length - 1; at > 0; at--) {
    if (!/^(?:in|for|at|near|around|inn)$/i.test(plain(words[at - 1] ?? ''))) continue;
    let length = 0;
    while (length < 3 && at + length < words.length && !stop.test(plain(words[at + length] ?? ''))) {
      length++;
      if (/[,.!?;:]$/.test(words[at + length - 1] ?? '')) break;
    }
    if (length === 0) continue;
    const name = plain(words.slice(at, at + length).join(' '));
    if (name === '' || /^\d+( |$)/.test(name)) continue;
    return without(words, at, length, closest(name) ?? capitalised(name));
  }
  return undefined;
}

/** A capitalised word that is nearly a city, the preposition being lost: "What's the weather, Pariss?" */
function nearlyACity(words: readonly string[]): FoundPlace | undefined {
  for (let at = words.length - 1; at > 0; at--) {
    const word = words[at] ?? '';
    const city = /^\p{Lu}/u.test(word) && plain(word).length >= 5 ? closest(plain(word)) : undefined;
    if (city !== undefined) return without(words, at, 1, city);
  }
  return undefined;
}

function without(words: readonly string[], at: number, length: number, place: string): FoundPlace {
  return { place, rest: [...words.slice(0, at), ...words.slice(at + length)].join(' ') };
}

/** The known city with the fewest changed letters: one, or two in long names, so that Bern does not become Berlin. */
function closest(name: string): string | undefined {
  if (name.length < 4 || name.length > 24) return undefined;
  let best: { city: string; cost: number } | undefined;
  for (const [key, city] of knownCities()) {
    if (Math.abs(key.length - name.length) > 2) continue;
    const cost = distance(key, name) + (key[0] === name[0] ? 0 : 0.5);
    const allowed = Math.min(key.length, name.length) >= 7 ? 2.5 : 1.5;
    if (cost <= allowed && (best === undefined || cost < best.cost)) best = { city, cost };
  }
  return best?.city;
}

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

const plain = (text: string) =>
  text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/['’]s\b/g, '')
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();

const capitalised = (name: string) => name.replace(/(^|\s)\p{Ll}/gu, (letter) => letter.toUpperCase());

function zoneCities(): string[] {
  return Intl.supportedValuesOf('timeZone').flatMap((zone) => {
    const [area = '', ...names] = zone.split('/');
    const city = names.length === 1 ? (names[0] ?? '').replaceAll('_', ' ') : '';
    return city !== '' && AREAS.has(area) && !NOT_A_CITY.has(city.toLowerCase()) ? [city] : [];
  });
}
