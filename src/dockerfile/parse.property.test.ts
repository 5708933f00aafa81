import fc from "fast-check";
import { expect, test } from "vitest";
import { BerthError } from "../base/errors.ts";
import { DockerfileError } from "./errors.ts";
import { expandWord, expandWords } from "./expand.ts";
import { openMatcher, parseIgnore } from "./ignore.ts";
import { parseMount } from "./mount.ts";
import { parseDockerfile } from "./parse.ts";

const keyword = fc.constantFrom(
  ...["FROM", "RUN", "CMD", "LABEL", "MAINTAINER", "EXPOSE", "ENV", "ADD", "COPY", "ENTRYPOINT", "VOLUME", "USER"],
  ...["WORKDIR", "ARG", "ONBUILD", "STOPSIGNAL", "HEALTHCHECK", "SHELL", "from", "onbuild run", "#", "#escape="],
);
const piece = fc.oneof(
  fc.constantFrom(" ", "\\", "\\\n", "\n", "\r\n", "`", '"', "'", "<<E", "<<-'E'", "\nE\n", "=", "--", "--mount=", ","),
  fc.constantFrom('["a"]', "[", "$", "${", "${a:-", "${a//", "}", "#", "as", "type=cache", "*", "**", "/", "!", "\0"),
  fc.string({ maxLength: 5 }),
  fc.string({ unit: "binary", maxLength: 3 }),
);
const words = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(""));
const instructions = fc.array(
  fc.tuple(keyword, words).map(([name, rest]) => `${name} ${rest}`),
  { maxLength: 6 },
);
const files = fc.tuple(fc.boolean(), instructions).map(([good, lines]) => [good ? "FROM a" : "", ...lines].join("\n"));

const name = fc.stringMatching(/^[a-c*.]{1,4}$/).filter((text) => text !== "." && text !== "..");
const paths = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("/"));

/** True when `body` ends, or throws what a user can act on. */
function holds(body: () => unknown, kind: typeof BerthError | typeof DockerfileError): boolean {
  try {
    body();
    return true;
  } catch (error) {
    return error instanceof kind;
  }
}

test("any text is a Dockerfile or a DockerfileError", () => {
  fc.assert(
    fc.property(files, (text) => holds(() => parseDockerfile(text), DockerfileError)),
    { numRuns: 2_000 },
  );
});

test("an error blames a line that is there", () => {
  fc.assert(
    fc.property(files, (text) => {
      try {
        parseDockerfile(text);
      } catch (error) {
        if (!(error instanceof DockerfileError)) throw error;
        expect(error.line).toBeGreaterThanOrEqual(1);
        expect(error.span.end).toBeLessThanOrEqual(text.split("\n").length);
        expect(error.span.end).toBeGreaterThanOrEqual(error.line);
      }
    }),
  );
});

test("any word expands or is a BerthError", () => {
  fc.assert(
    fc.property(words, fc.string(), (word, value) => {
      const lookup = (name: string): string | undefined => (name === "a" ? value : undefined);
      return holds(() => [expandWord(word, lookup), expandWords(word, lookup)], BerthError);
    }),
    { numRuns: 2_000 },
  );
});

test("a word of plain characters stays what it is", () => {
  const plain = fc.stringMatching(/^[a-zA-Z0-9 /:._-]*$/);
  fc.assert(fc.property(plain, (word) => expandWord(word, () => undefined).text === word));
});

test("any ignore file makes a matcher or a BerthError", () => {
  fc.assert(
    fc.property(words, paths, (text, path) => holds(() => openMatcher(parseIgnore(text)).excludes(path), BerthError)),
  );
});

test("any mount is read or is a BerthError", () => {
  fc.assert(fc.property(words, (text) => holds(() => parseMount(text, (word) => word), BerthError)));
});

test("long runs of what makes lines take no time to speak of", () => {
  const run = 60_000;
  for (const text of ["\r".repeat(run), `RUN <<${" ".repeat(run)}<`, `RUN a${" \\".repeat(run / 2)} b`])
    expect(holds(() => parseDockerfile(`FROM a\n${text}x\n`), DockerfileError)).toBe(true);
});
