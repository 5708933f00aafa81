import { constants } from "node:os";

/**
 * Number of a signal given by name (`SIGTERM`, `term`), number or `RTMIN+n`; undefined when there is no such signal. A number is taken as
 * it is, but for 0: whether the kernel has it, is asked when it is to be sent.
 *
 * @see moby/sys signal `ParseSignal`
 */
export function signalNumber(text: string): number | undefined {
  if (/^[+-]?\d{1,15}$/.test(text)) return Number(text) || undefined;
  const name = text.toUpperCase().replace(/^SIG/, "");
  const realTime = /^RT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name);
  if (realTime !== null) {
    const number = (realTime[1] === "MIN" ? 34 : 64) + Number(`${realTime[2] ?? "+"}${realTime[3] ?? 0}`);
    return number >= 34 && number <= 64 ? number : undefined;
  }
  return new Map<string, number>(Object.entries(constants.signals)).get(`SIG${name}`);
}
