import type { Value } from "../value/value.ts";

const sizes = new WeakMap<Value, number>();

/** How much there is in a value: a value may hold another many times over, and takes the memory of one. */
export function sizeOf(value: Value): number {
  if (!("items" in value) && !("entries" in value)) return 1;
  const known = sizes.get(value);
  if (known !== undefined) return known;
  const inside = "items" in value ? value.items : [...value.entries.values()];
  const size = inside.reduce((sum, item) => sum + sizeOf(item), 1);
  sizes.set(value, size);
  return size;
}
