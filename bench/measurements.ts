import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { baseArchives } from "../test/support/images.ts";
import { importsOfBuildah } from "./peers.ts";

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
  /** How much memory berth takes is measured, too. */
  readonly memory?: true;
  /** What Buildah does for it, where it has the verb: what it takes the place of. */
  readonly buildah?: Partial<Pick<Measurement, "args" | "before">>;
}

const write = (directory: string, count: number): string =>
  `mkdir ${directory}; i=0; while [ $i -lt ${count} ]; do echo $i > ${directory}/$i; i=$((i+1)); done`;

/** Makes files of a container differ from its image: so many new ones, and as many that were there. */
const change = (count: number): string =>
  [write("/new", count), `find /usr -xdev -type f | head -n ${count} | xargs -d '\\n' touch -d 2020-01-01`].join("; ");

const offline = ["--network", "none"];

/** All rows, in an order in which none leaves behind what another one finds. @param directory for build contexts */
export function measurements(directory: string): readonly Measurement[] {
  return [...running(directory), ...archives(), ...layers(), ...lists()];
}

function running(directory: string): readonly Measurement[] {
  const context = join(directory, "twenty-steps");
  mkdirSync(context);
  const steps = Array.from({ length: 20 }, (_, step) => `RUN echo ${step} > /step-${step}\n`);
  writeFileSync(join(context, "Dockerfile"), `FROM busybox\n${steps.join("")}`);
  const build = ["build", "-q", "-t", "twenty"];
  return [
    { name: "run --rm --network none busybox true", args: ["run", "--rm", ...offline, "busybox", "true"] },
    { name: "run --rm busybox true", args: ["run", "--rm", "busybox", "true"] },
    { name: "build of 20 RUN steps, --no-cache", pairs: 5, args: [...build, "--no-cache", context], buildah: {} },
    { name: "build of 20 RUN steps, all cached", args: [...build, context], buildah: {} },
  ];
}

function archives(): readonly Measurement[] {
  const { debian } = baseArchives();
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
      args: ["save", "-o", "saved.tar", "debian:saved"],
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
    { name: "image ls with 100 images", before: images, args: ["image", "ls"], memory: true },
    { name: "--version", args: ["--version"], buildah: {} },
    { name: "ps", args: ["ps"] },
  ];
}
