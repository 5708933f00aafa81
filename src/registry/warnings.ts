import type { HttpResponse } from "./connection.ts";
import { shown } from "./refusal.ts";

/** Warnings that are told of all registries together. */
const most = 32;
/** Bytes of the headers that are looked at: what a registry may send at most. */
const longest = 4096;
const value = /\s*(\d{3})\s+(\S+)\s+"((?:[^"\\]|\\.)*)"(?:\s+"[^"]*")?\s*(?:,|$)/gy;

/** The texts of the warnings in a header that are meant for users. What comes behind an error is left out. @see RFC 7234 section 5.5 */
export function warningsIn(header: string): readonly string[] {
  // Node takes each byte for a character; what registries send is UTF-8.
  const sent = Buffer.from(header.slice(0, longest), "latin1").toString();
  return [...sent.matchAll(value)].flatMap(([, code, agent, text = ""]) => {
    const said = code === "299" && agent === "-" ? shown(text.replaceAll(/\\(.)/g, "$1")) : "";
    return said === "" ? [] : [said];
  });
}

/** Tells what registries warn of, each text of a registry once. */
export type Warnings = (response: Pick<HttpResponse, "headers" | "url">, conceal: (text: string) => string) => void;

/** @see distribution-spec v1.1 spec.md#warnings */
export function openWarnings(tell: (message: string) => void): Warnings {
  const told = new Set<string>();
  return ({ headers, url }, conceal) => {
    // A list, though Node's types have it as one text.
    const header = [headers["warning"] ?? ""].flat().join(",");
    for (const text of header === "" ? [] : warningsIn(header)) {
      const message = `${url.host} says: ${conceal(text)}`;
      if (told.has(message) || told.size === most) continue;
      told.add(message);
      tell(message);
    }
  };
}
