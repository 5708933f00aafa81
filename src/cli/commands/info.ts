import { cpus, hostname, release, totalmem } from "node:os";
import { version } from "../../base/version.ts";
import { type Command, defineCommand } from "../command.ts";
import { text } from "../flags/kinds.ts";
import { inspectFormatHelp } from "../format/format-help.ts";
import { fillTemplate } from "./fill-template.ts";

const headings: Readonly<Record<string, string>> = {
  ContainersRunning: " Running",
  ContainersPaused: " Paused",
  ContainersStopped: " Stopped",
  ServerVersion: "Server Version",
  KernelVersion: "Kernel Version",
  NCPU: "CPUs",
  MemTotal: "Total Memory",
  DockerRootDir: "Root Dir",
  RunRootDir: "Run Root Dir",
  Driver: "Storage Driver",
};

/** `berth info` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS]",
  arity: { min: 0, max: 0 },
  flags: { format: text(inspectFormatHelp, { short: "f" }) },
  examples: ["info", "info -f '{{.DockerRootDir}}'"],
  run: async ({ values: { format }, io, engine }) => {
    const { containers, images, places } = await engine();
    const states = (await containers.list()).map(({ state }) => state.status);
    const count = (...wanted: readonly string[]): number => states.filter((status) => wanted.includes(status)).length;
    const facts = {
      Containers: states.length,
      ContainersRunning: count("running"),
      ContainersPaused: count("paused"),
      ContainersStopped: count("created", "exited"),
      Images: images.list().length,
      ServerVersion: version,
      Driver: "overlay2",
      KernelVersion: release(),
      Name: hostname(),
      NCPU: cpus().length,
      MemTotal: totalmem(),
      DockerRootDir: places.root,
      RunRootDir: places.runRoot,
    };
    if (format !== undefined) io.stdout.write(fillTemplate(format, facts));
    else for (const [name, value] of Object.entries(facts)) io.stdout.write(`${headings[name] ?? name}: ${value}\n`);
    return 0;
  },
});
