import { namesSecret } from "../../dockerfile/lint.ts";
import type { BuildOptions } from "../build.ts";

/** Shortest secret that is looked for: shorter ones are in every text. Characters. */
const shortest = 4;

/** A secret of several lines, such as a key, is looked for line by line, too: lines of so many characters, and so many lines. */
const [shortestLine, mostLines] = [8, 200];

/** What no record may show: secrets, and arguments whose names say that they are some. A character stands for each byte. */
export function secretTexts({
  secrets,
  buildArgs = {},
}: Pick<BuildOptions, "secrets" | "buildArgs">): readonly string[] {
  const args = Object.entries(buildArgs).flatMap(([name, value]) => (namesSecret(name) ? [Buffer.from(value)] : []));
  return [...(secrets?.values() ?? []), ...args].flatMap((secret) => {
    const text = Buffer.from(secret).toString("latin1").trim();
    const lines = text.split("\n").map((line) => line.trim());
    const parts = lines.length > 1 ? lines.slice(0, mostLines).filter(({ length }) => length >= shortestLine) : [];
    return [text, ...parts].filter(({ length }) => length >= shortest);
  });
}

/** A text with `***` in the place of each secret. */
export function masked(text: string, secrets: readonly string[]): string {
  return secrets.reduce((rest, secret) => rest.replaceAll(secret, "***"), text);
}

/** The same for a text of characters. */
export function shown(text: string, secrets: readonly string[]): string {
  if (secrets.length === 0) return text;
  return Buffer.from(masked(Buffer.from(text).toString("latin1"), secrets), "latin1").toString("utf8");
}
