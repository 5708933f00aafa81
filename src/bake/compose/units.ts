import { membersOf, textOf } from "./data.ts";

const units = ["B", "KiB", "MiB", "GiB", "TiB"];

/** A size of memory, such as `128m`, as Docker writes it: `128MiB`. @throws for what is none */
export function sizeText(value: unknown, place: string): string | undefined {
  const given = textOf(value, place);
  if (given === undefined) return undefined;
  const [, digits, unit = ""] = /^(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?$/i.exec(given) ?? [];
  if (digits === undefined) throw new Error(`${place}: invalid size: '${given}'`);
  const power = " kmgt".indexOf(unit.toLowerCase() || " ");
  let size = Math.floor(Number(digits) * 1024 ** power);
  if (size === 0) return undefined;
  let shown = 0;
  while (size >= 1024 && shown < units.length - 1) {
    size /= 1024;
    shown++;
  }
  return `${Number(size.toPrecision(4))}${units[shown]}`;
}

/** Limits of processes: `nofile=1024:2048`. @throws for what is none */
export function ulimitTexts(value: unknown, place: string): readonly string[] {
  return Object.entries(membersOf(value, place)).map(([name, limit]) => {
    if (typeof limit !== "object" || limit === null) {
      const both = textOf(limit, `${place}.${name}`) ?? "";
      return `${name}=${both}:${both}`;
    }
    const { soft, hard } = membersOf(limit, `${place}.${name}`);
    return `${name}=${textOf(soft, place)}:${textOf(hard, place)}`;
  });
}
