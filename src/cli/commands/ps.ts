import { BerthError, isKind } from "../../base/errors.ts";
import type { Container } from "../../container/container.ts";
import type { Engine } from "../../engine/engine.ts";
import { type Call, type Command, defineCommand } from "../command.ts";
import { applyFilters, type Filter, filters, hasLabel, type Question } from "../flags/filter.ts";
import { bool, integer, text } from "../flags/kinds.ts";
import { notYet } from "../flags/not-yet.ts";
import { formatHelp } from "../format/format-help.ts";
import { formatRows } from "../format/listing.ts";
import { containerListing } from "../list/container-row.ts";

interface PsValues {
  readonly all: boolean;
  readonly filter: readonly Filter[];
  readonly format: string | undefined;
  readonly last: number | undefined;
  readonly latest: boolean;
  readonly "no-trunc": boolean;
  readonly quiet: boolean;
}

/** `berth ps` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS]",
  arity: { min: 0, max: 0 },
  flags: {
    ...notYet({ withValue: [], alone: ["size/s"] }),
    all: bool("Show all containers (default shows just running)", { short: "a" }),
    filter: filters("Filter output based on conditions provided", { short: "f" }),
    format: text(formatHelp),
    last: integer("Show n last created containers (includes all states)", { short: "n", shownDefault: "-1" }),
    latest: bool("Show the latest created container (includes all states)", { short: "l" }),
    "no-trunc": bool("Don't truncate output"),
    quiet: bool("Only display container IDs", { short: "q" }),
  },
  examples: ["ps", "ps -aq", "ps -a --filter status=exited --format '{{.Names}}'"],
  run: listContainers,
});

async function listContainers({ values, io, engine }: Call<PsValues>): Promise<number> {
  const opened = await engine();
  const all = await opened.containers.list();
  const { filter, latest } = values;
  const last = latest ? 1 : (values.last ?? -1);
  const any = values.all || last > 0 || filter.some(({ name }) => name === "status" || name === "exited");
  const fitting = applyFilters(all, filter, questions(opened, all)).filter(
    ({ state }) => any || state.status === "running" || state.status === "paused",
  );
  const shown = last > 0 ? fitting.slice(0, last) : fitting;
  const now = Date.now();
  const rows = shown.map((container) => ({ container, whole: values["no-trunc"], now }));
  io.stdout.write(formatRows(containerListing, rows, values.quiet ? "{{.ID}}" : values.format));
  return 0;
}

const states = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];

function questions({ images }: Engine, all: readonly Container[]): Readonly<Record<string, Question<Container>>> {
  return {
    ancestor: (name) => {
      const image = idOf(images, name);
      return ({ imageID }) => imageID === image;
    },
    before: (name) => {
      const { created } = named(all, name);
      return (container) => container.created < created;
    },
    exited:
      (code) =>
      ({ state }) =>
        state.status === "exited" && String(state.code) === code,
    id:
      (prefix) =>
      ({ id }) =>
        id.startsWith(prefix),
    label:
      (label) =>
      ({ config }) =>
        hasLabel(config.Labels, label),
    name: (pattern) => {
      const wanted = new RegExp(pattern.replace(/^\^?\//, "^"));
      return ({ name }) => wanted.test(name);
    },
    network:
      (network) =>
      ({ request }) =>
        request.network === network,
    since: (name) => {
      const { created } = named(all, name);
      return (container) => container.created > created;
    },
    status: (status) => {
      if (!states.includes(status)) throw new BerthError("invalid-argument", `invalid filter 'status=${status}'`);
      return ({ state }) => state.status === status;
    },
    volume:
      (volume) =>
      ({ config }) =>
        config.mounts.some(({ name, target }) => name === volume || target === volume),
  };
}

function named(all: readonly Container[], nameOrID: string): Container {
  const found = all.find(({ name, id }) => name === nameOrID || id.startsWith(nameOrID));
  if (found === undefined) throw new BerthError("not-found", `No such container: ${nameOrID}`);
  return found;
}

function idOf(images: Engine["images"], name: string): string | undefined {
  try {
    return images.get(name).id;
  } catch (error) {
    if (isKind(error, "not-found")) return undefined;
    throw error;
  }
}
