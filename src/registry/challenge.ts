/** One way to authenticate that a server offers. */
export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Challenges of one answer that are looked at. */
const most = 16;
const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const separator = /[ \t,]*/y;
const space = /[ \t]*/y;
const quoted = /"((?:[^"\\]|\\[\s\S])*)"/y;
/** A token, or what servers write without the quotes that it needs: a URL. */
const bare = /[^\s",]+/y;
const token68 = /[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))/y;

/**
 * Read a `WWW-Authenticate` header, in which several challenges and their parameters are separated alike. What comes behind an
 * error is left out.
 *
 * @see RFC 9110 section 11.6.1
 */
export function parseChallenges(header: string): readonly Challenge[] {
  const reader = readerOf(header);
  const challenges: Challenge[] = [];
  while (challenges.length < most) {
    reader.take(separator);
    const scheme = reader.take(token);
    if (scheme === undefined) break;
    challenges.push({ scheme: scheme[0].toLowerCase(), parameters: parametersOf(reader) });
  }
  return challenges;
}

interface Reader {
  position: number;
  /** What a pattern finds at the position, which goes on behind it. */
  take(pattern: RegExp): RegExpExecArray | undefined;
}

function readerOf(text: string): Reader {
  const reader: Reader = {
    position: 0,
    take: (pattern) => {
      pattern.lastIndex = reader.position;
      const found = pattern.exec(text) ?? undefined;
      if (found !== undefined) reader.position = pattern.lastIndex;
      return found;
    },
  };
  return reader;
}

function parametersOf(reader: Reader): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  reader.take(space);
  if (reader.take(token68) !== undefined) return parameters;
  for (;;) {
    reader.take(separator);
    const start = reader.position;
    const name = reader.take(token)?.[0].toLowerCase();
    const value = name === undefined ? undefined : readValue(reader);
    if (name === undefined || value === undefined) {
      // It was the scheme of the next challenge.
      reader.position = start;
      return parameters;
    }
    if (!parameters.has(name)) parameters.set(name, value);
  }
}

function readValue(reader: Reader): string | undefined {
  reader.take(space);
  if (reader.take(/=/y) === undefined) return undefined;
  reader.take(space);
  const text = reader.take(quoted)?.[1];
  return text === undefined ? reader.take(bare)?.[0] : text.replaceAll(/\\([\s\S])/g, "$1");
}
