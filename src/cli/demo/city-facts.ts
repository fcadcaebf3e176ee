// What the demo's two tools know: made-up weather that is always the same, and the real time.

const CONDITIONS = ['sunny', 'partly cloudy', 'cloudy', 'rainy', 'windy', 'foggy'] as const;

/** Cities without a time zone of their own, by the zone they live in. */
const ZONES: readonly (readonly [zone: string, cities: string])[] = [
  ['America/New_York', 'Atlanta,Baltimore,Boston,Charlotte,Cleveland,Miami,Orlando,Philadelphia,Pittsburgh,Washington'],
  ['America/Toronto', 'Montreal,Ottawa,Quebec'],
  ['America/Chicago', 'Austin,Dallas,Houston,Memphis,Minneapolis,Nashville,New Orleans,San Antonio'],
  ['America/Los_Angeles', 'Las Vegas,Portland,San Diego,San Francisco,San Jose,Santa Monica,Seattle'],
  ['America/Edmonton', 'Calgary'],
  ['America/Sao_Paulo', 'Brasilia,Rio de Janeiro'],
  ['Europe/London', 'Birmingham,Bristol,Edinburgh,Glasgow,Leeds,Liverpool,Manchester,Oxford'],
  ['Europe/Berlin', 'Bonn,Bremen,Cologne,Dresden,Frankfurt,Hamburg,Hanover,Leipzig,Munich,Nuremberg,Stuttgart'],
  ['Europe/Paris', 'Bordeaux,Lille,Lyon,Marseille,Toulouse'],
  ['Europe/Rome', 'Florence,Genoa,Milan,Naples,Palermo,Pisa,Turin,Venice,Verona'],
  ['Europe/Madrid', 'Barcelona,Granada,Sevilla,Seville,Valencia'],
  ['Europe/Zurich', 'Basel,Bern,Geneva'],
  ['Europe/Vienna', 'Graz,Salzburg'],
  ['Europe/Amsterdam', 'Rotterdam,Utrecht'],
  ['Europe/Lisbon', 'Porto'],
  ['Europe/Moscow', 'Saint Petersburg'],
  ['Africa/Johannesburg', 'Cape Town,Pretoria'],
  ['Asia/Kolkata', 'Amritsar,Bangalore,Bombay,Calcutta,Chennai,Delhi,Hyderabad,Mumbai,New Delhi'],
  ['Asia/Tokyo', 'Kyoto,Osaka,Yokohama'],
  ['Asia/Shanghai', 'Beijing,Shenzhen'],
  ['Asia/Dubai', 'Abu Dhabi'],
  ['Asia/Jerusalem', 'Tel Aviv'],
  ['Asia/Bangkok', 'Hanoi'],
  ['Pacific/Auckland', 'Wellington'],
];

export interface CityWeather {
  readonly location: string;
  readonly condition: (typeof CONDITIONS)[number];
  readonly temperatureC: number;
}

/** The weather of `location`: invented, but the same on every call, so that two runs of the demo can be compared. */
export function weatherIn(location: string): CityWeather {
  let hash = 7;
  for (const char of location.trim().toLowerCase()) hash = (Math.imul(hash, 31) + (char.codePointAt(0) ?? 0)) >>> 0;
  const condition = CONDITIONS[hash % CONDITIONS.length] ?? 'sunny';
  return { location, condition, temperatureC: 4 + ((hash >>> 8) % 24) };
}

export interface CityTime {
  readonly location: string;
  /** In the words of a clock with twelve hours: `3:42 PM`. */
  readonly time: string;
  readonly timeZone: string;
}

/**
 * The time in `location` at `epochMs`.
 * @throws Error when no time zone is known for it; the tool call fails and the agent says so
 */
export function timeIn(location: string, epochMs: number): CityTime {
  const timeZone = zoneOf(location.trim());
  if (timeZone === undefined) throw new Error(`no time zone is known for ${JSON.stringify(location.slice(0, 60))}`);
  const format = new Intl.DateTimeFormat('en-US', { timeZone, hour: 'numeric', minute: '2-digit' });
  return { location, time: format.format(epochMs).replace(/\s/g, ' '), timeZone };
}

function zoneOf(city: string): string | undefined {
  const name = city.toLowerCase();
  const own = Intl.supportedValuesOf('timeZone').find((zone) => {
    const last = zone.slice(zone.lastIndexOf('/') + 1);
    return zone.includes('/') && last.replaceAll('_', ' ').toLowerCase() === name;
  });
  return own ?? ZONES.find(([, cities]) => cities.toLowerCase().split(',').includes(name))?.[0];
}
