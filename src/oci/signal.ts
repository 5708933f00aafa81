import { constants } from "node:os";

/** Number of a signal given by name (`SIGTERM`, `term`), number or `RTMIN+n`; undefined when there is no such signal. */
export function signalNumber(text: string): number | undefined {
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    return number > 0 && number <= 64 ? number : undefined;
  }
  const name = text.toUpperCase().replace(/^SIG/, "");
  const realTime = /^RT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name);
  if (realTime !== null) {
    const number = (realTime[1] === "MIN" ? 34 : 64) + Number(`${realTime[2] ?? "+"}${realTime[3] ?? 0}`);
    return number >= 34 && number <= 64 ? number : undefined;
  }
  return new Map<string, number>(Object.entries(constants.signals)).get(`SIG${name}`);
}
