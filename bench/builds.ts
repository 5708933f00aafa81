import { randomBytes } from "node:crypto";
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Measurement } from "./measurements.ts";

/** Builds: steps, what the cache gives, copies of many files and of a large one, stages that don't need each other. */
export function builds(directory: string): readonly Measurement[] {
  const write = (name: string, Dockerfile: string): string => {
    const context = join(directory, name);
    mkdirSync(context);
    writeFileSync(join(context, "Dockerfile"), Dockerfile);
    return context;
  };
  const steps = Array.from({ length: 20 }, (_, step) => `RUN echo ${step} > /step-${step}\n`).join("");
  const twenty = ["build", "-q", "-t", "twenty"];
  const twentyContext = write("twenty-steps", `FROM busybox\n${steps}`);
  return [
    {
      name: "build of 20 RUN steps, --no-cache",
      pairs: 5,
      args: [...twenty, "--no-cache", twentyContext],
      buildah: {},
    },
    { name: "build of 20 RUN steps, all cached", args: [...twenty, twentyContext], buildah: {} },
    ...copiesOfMany(write("many-files", "FROM busybox\nCOPY files /files\n")),
    copyOfLarge(write("large-file", "FROM busybox\nCOPY large /large\n")),
    {
      name: "build of four stages of 2 s each, --no-cache",
      pairs: 3,
      args: ["build", "-q", "--no-cache", "-t", "stages", write("stages", independentStages())],
      buildah: {},
    },
  ];
}

/** As many in each directory as sources have. */
function copiesOfMany(context: string): readonly Measurement[] {
  for (let directory = 0; directory < 100; directory++) {
    const path = join(context, "files", String(directory));
    mkdirSync(path, { recursive: true });
    for (let file = 0; file < 100; file++) writeFileSync(join(path, `${file}.js`), `${directory}/${file};`.repeat(200));
  }
  const build = ["build", "-q", "-t", "many-files"];
  let changes = 0;
  return [
    {
      name: "build that copies 10,000 files, --no-cache",
      pairs: 5,
      args: [...build, "--no-cache", context],
      memory: true,
      buildah: {},
    },
    {
      name: "build that copies 10,000 files, one of them changed",
      pairs: 5,
      args: [...build, context],
      reset: () => writeFileSync(join(context, "files/50/50.js"), `change ${changes++};`),
      memory: true,
      buildah: {},
    },
  ];
}

function copyOfLarge(context: string): Measurement {
  const piece = randomBytes(1 << 20);
  return {
    name: "build that copies 1 GiB, --no-cache",
    pairs: 3,
    prepare: async () => {
      const file = openSync(join(context, "large"), "w");
      for (let written = 0; written < 1024; written++) {
        piece.writeUInt32LE(written);
        writeSync(file, piece);
      }
      closeSync(file);
    },
    args: ["build", "-q", "--no-cache", "-t", "large-file", context],
    after: ["rmi", "large-file"],
    memory: true,
    buildah: {},
  };
}

function independentStages(): string {
  const names = ["a", "b", "c", "d"];
  const stages = names.map((name) => `FROM busybox AS ${name}\nRUN sleep 2 && echo ${name} > /${name}\n`);
  const copies = names.map((name) => `COPY --from=${name} /${name} /${name}\n`);
  return `${stages.join("")}FROM busybox\n${copies.join("")}`;
}
