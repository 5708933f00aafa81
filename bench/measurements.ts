import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Berth } from "../test/support/berth.ts";
import { baseArchives } from "../test/support/images.ts";
import { builds } from "./builds.ts";
import { writeLayeredArchive } from "./layered-archive.ts";
import { importsOfBuildah } from "./peers.ts";
import { pushFiveLayers, pushLargeLayer } from "./pulled-images.ts";

/** What is timed. */
export interface Measurement {
  readonly name: string;
  /** At most this many rounds, for what takes long. */
  readonly pairs?: number;
  /** The timed command. */
  readonly args: readonly string[];
  /** Brings all engines to the same state before the first round; untimed. */
  readonly before?: readonly (readonly string[])[];
  /** Brings all engines to the same state after each round; untimed. */
  readonly after?: readonly string[];
  /** Brings all engines to the same state after the last round; untimed. */
  readonly end?: readonly (readonly string[])[];
  /** Brings the world outside of the engines to the state that the row needs; untimed, and before all else. */
  readonly prepare?: () => Promise<void>;
  /** How much memory berth takes is measured, too. */
  readonly memory?: true;
  /** Brings the world outside of the engines to the same state before each command that is timed; untimed. */
  readonly reset?: () => void;
  /** What Podman does otherwise: what it takes the place of. */
  readonly podman?: Partial<Pick<Measurement, "args" | "before">>;
  /** What Buildah does for it, where it has the verb: what it takes the place of. */
  readonly buildah?: Partial<Pick<Measurement, "args" | "before">>;
}

/** A registry that rows push to and pull from. */
export interface BenchRegistry {
  readonly host: string;
  /** Delete all that it has. */
  readonly reset: () => void;
}

const write = (directory: string, count: number): string =>
  `mkdir ${directory}; i=0; while [ $i -lt ${count} ]; do echo $i > ${directory}/$i; i=$((i+1)); done`;

/** Makes files of a container differ from its image: so many new ones, and as many that were there. */
const change = (count: number): string =>
  [write("/new", count), `find /usr -xdev -type f | head -n ${count} | xargs -d '\\n' touch -d 2020-01-01`].join("; ");

const offline = ["--network", "none"];

/** All rows, in an order in which none leaves behind what another one finds. */
export function measurements(berth: Berth, registry: BenchRegistry): readonly Measurement[] {
  const { directory } = berth;
  const all = [
    // The shortest first: what fills memory and disk makes the machine slower for everything after it, by a third and more.
    ...[...lists(), ...running(), ...builds(directory), ...archives(directory)],
    ...[...pushes(registry), ...pulls(berth, registry), ...layers()],
  ];
  return all.toSorted((one, other) => trace(one) - trace(other));
}

/** How long a row can be felt in those after it, in no unit. */
function trace({ name }: Measurement): number {
  // Gigabytes tire a disk for minutes.
  if (name.includes("1 GiB")) return 2;
  // Ext4 without a journal looks at every file that was deleted in the last minutes before it makes a new one.
  return name.includes("10,000 files") ? 1 : 0;
}

/** After each pull the image goes. */
function pulls(berth: Berth, { host }: BenchRegistry): readonly Measurement[] {
  const pull = (name: string): Pick<Measurement, "args" | "podman" | "buildah"> => {
    const others = { args: ["pull", "-q", "--tls-verify=false", name] };
    return { args: ["pull", "-q", name], podman: others, buildah: others };
  };
  const [five, large] = [`${host}/bench/five`, `${host}/bench/large`];
  let pushed: Promise<void> | undefined;
  const pushFive = (): Promise<void> => (pushed ??= pushFiveLayers(berth, five));
  return [
    {
      name: "pull of an image of five layers",
      pairs: 5,
      prepare: pushFive,
      ...pull(five),
      after: ["rmi", five],
      memory: true,
    },
    { name: "pull when all is there", prepare: pushFive, ...pull(five), end: [["rmi", five]] },
    {
      name: "pull of a layer of 1 GiB",
      pairs: 3,
      prepare: () => pushLargeLayer(berth, large),
      ...pull(large),
      after: ["rmi", large],
      memory: true,
    },
  ];
}

/** The registry has nothing of the image, and no engine has its layer compressed. */
function pushes({ host, reset }: BenchRegistry): readonly Measurement[] {
  const { debian } = baseArchives();
  const name = `${host}/bench/debian`;
  const push = ["push", "--tls-verify=false", "-q", name];
  return [
    {
      name: "push of Debian",
      pairs: 5,
      before: [["import", debian, name]],
      args: ["push", "-q", name],
      reset,
      end: [["rmi", name]],
      memory: true,
      podman: { args: push },
      buildah: { before: importsOfBuildah(debian, name), args: push },
    },
  ];
}

function running(): readonly Measurement[] {
  return [
    { name: "run --rm --network none busybox true", args: ["run", "--rm", ...offline, "busybox", "true"] },
    { name: "run --rm busybox true", args: ["run", "--rm", "busybox", "true"] },
  ];
}

function archives(directory: string): readonly Measurement[] {
  const { debian } = baseArchives();
  const saved = join(directory, "saved.tar");
  const layered = join(directory, "layered.tar");
  writeLayeredArchive(layered, { count: 20, files: 100, size: 20_000 });
  return [
    {
      name: "import of Debian's tree",
      pairs: 3,
      args: ["import", debian, "tree"],
      after: ["rmi", "tree"],
      memory: true,
    },
    {
      name: "save of Debian",
      pairs: 5,
      before: [["import", debian, "debian:saved"]],
      args: ["save", "-o", saved, "debian:saved"],
      // Podman doesn't write over what is there; to take its place takes berth a wait for the disk.
      reset: () => rmSync(saved, { force: true }),
      end: [["rmi", "debian:saved"]],
      memory: true,
    },
    {
      name: "load of Debian",
      pairs: 5,
      // The layer must not be there when it is loaded.
      before: [
        ["import", debian, "debian:saved"],
        ["save", "-o", "loaded.tar", "debian:saved"],
        ["rmi", "debian:saved"],
      ],
      args: ["load", "-i", "loaded.tar"],
      after: ["rmi", "debian:saved"],
      memory: true,
    },
    {
      name: "load of an image of 20 layers",
      pairs: 5,
      args: ["load", "-i", layered],
      after: ["rmi", "layered"],
      memory: true,
    },
  ];
}

function layers(): readonly Measurement[] {
  const { busybox, debian } = baseArchives();
  const changed = (name: string, count: number): readonly (readonly string[])[] => [
    ["import", debian, `base:${name}`],
    ["run", ...offline, "--name", name, `base:${name}`, "sh", "-c", change(count)],
  ];
  const changedSmall = [
    ["import", busybox, "base:small"],
    ["run", ...offline, "--name", "small", "base:small", "sh", "-c", write("/new", 10)],
  ];
  const changedByBuildah = [
    ...importsOfBuildah(debian, "base:many"),
    ["from", "--name", "many", "base:many"],
    ["run", "many", "--", "sh", "-c", change(2500)],
  ];
  return [
    {
      name: "commit of 5,000 changed files",
      pairs: 5,
      before: changed("many", 2500),
      args: ["commit", "many", "committed"],
      after: ["rmi", "committed"],
      memory: true,
      buildah: { before: changedByBuildah },
    },
    { name: "diff of 5,000 changed files", before: changed("much", 2500), args: ["diff", "much"], memory: true },
    // What they are changed in shows whether the time grows with the changes or with the image.
    { name: "diff of 10 changed files", before: changed("few", 5), args: ["diff", "few"] },
    { name: "diff of 10 new files on busybox", before: changedSmall, args: ["diff", "small"] },
  ];
}

function lists(): readonly Measurement[] {
  const { busybox } = baseArchives();
  const images = Array.from({ length: 100 }, (_, index) => [
    ...["import", "--change", `LABEL number=${index}`],
    ...[busybox, `hundred:${index}`],
  ]);
  return [
    { name: "--version", args: ["--version"], buildah: {} },
    { name: "ps", args: ["ps"] },
    {
      name: "image ls with 100 images",
      before: images,
      args: ["image", "ls"],
      memory: true,
      end: [["rmi", ...images.keys().map((index) => `hundred:${index}`)]],
    },
  ];
}
