/** An image that has to be in the store: its ID, and the text that its file `/mark` holds. */
export interface Kept {
  readonly id: string;
  readonly mark: string;
}

/** One command that changes the store, and what it leaves of the name that it is about. */
export interface Step {
  readonly verb: "import" | "build" | "commit" | "load" | "tag" | "rmi" | "prune" | "create";
  readonly name: string;
  readonly leaves: "image" | "container" | "nothing" | "same";
  /** Of the image that it leaves. */
  readonly mark?: string;
  /** Where it is known beforehand. */
  readonly id?: string;
}

/** What was reported done, and the step that had begun and was not reported. */
export interface Ledger {
  /** Images by name. */
  readonly names: Readonly<Record<string, Kept>>;
  /** Names of containers that were made since the last look, which removes them. */
  readonly containers: readonly string[];
  readonly begun?: Step;
}

/** What the program inside the machine says, a line of JSON each. */
export type Report =
  | { readonly wrong: string }
  /** The store was looked at: this is what is there. */
  | { readonly checked: Ledger["names"] }
  | { readonly begin: Step }
  | { readonly done: Step; readonly id?: string }
  /** Nothing is left, and that was looked at as well. */
  | { readonly emptied: true };

/** The ledger of an empty store. */
export const empty: Ledger = { names: {}, containers: [] };

/** The ledger after one more report. */
export function written(ledger: Ledger, report: Report): Ledger {
  if ("checked" in report) return { names: report.checked, containers: [] };
  if ("begin" in report) return { ...ledger, begun: report.begin };
  if (!("done" in report)) return ledger;
  const { names, containers } = ledger;
  const { name, leaves, mark = "" } = report.done;
  if (leaves === "image") return { names: { ...names, [name]: { id: report.id ?? "", mark } }, containers };
  if (leaves === "container") return { names, containers: [...containers, name] };
  if (leaves === "same") return { names, containers };
  const { [name]: _gone, ...others } = names;
  return { names: others, containers };
}

/** What is wrong with the images that a store shows, by name; `<none>` stands for one without a name. */
export function faultsOf(
  ledger: Pick<Ledger, "names" | "begun">,
  shown: ReadonlyMap<string, string>,
): readonly string[] {
  const { names, begun } = ledger;
  const sure = Object.entries(names).filter(([name]) => name !== begun?.name);
  const lost = sure.flatMap(([name, { id }]) => {
    const found = shown.get(name);
    return found === id ? [] : [`${name} was reported done as ${id}, and is ${found ?? "not there"}`];
  });
  const strange = [...shown].flatMap(([name, id]) =>
    name in names || (name === begun?.name && begun.leaves === "image") ? [] : [`${name} ${id} should not be there`],
  );
  return [...lost, ...strange, ...unsureFaults(ledger, shown)];
}

/** The step that was under way has happened or has not: nothing in between. */
function unsureFaults(
  { names, begun }: Pick<Ledger, "names" | "begun">,
  shown: ReadonlyMap<string, string>,
): readonly string[] {
  if (begun === undefined) return [];
  const before = names[begun.name]?.id;
  const found = shown.get(begun.name);
  if (found === before) return [];
  if (begun.leaves === "nothing" && found === undefined) return [];
  if (begun.leaves === "image" && found !== undefined && (begun.id ?? found) === found) return [];
  return [`${begun.verb} of ${begun.name}, cut off, turned ${before ?? "nothing"} into ${found ?? "nothing"}`];
}
