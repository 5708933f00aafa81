import type { Berth } from "../support/berth.ts";
import { baseArchives } from "../support/images.ts";
import { pick, type Random, randomOf } from "../support/random.ts";

/** What many processes at once came to. */
export interface ManyReport {
  /** Commands that were run, by verb. */
  readonly commands: Readonly<Record<string, number>>;
  /** One sentence each. */
  readonly problems: readonly string[];
}

/** What somebody else's command may rightly lead to. */
const rightful =
  /No such image|No such container|reference does not exist|image is being used|being used by|conflict|pull access|not found/i;

/** Never right, whatever else is said. */
const wrong = /database is locked|\n\s+at |deadlock|SQLITE|ENOENT|^[a-z]+ \/\S+: no such file or directory$/m;

/** What {@link many} takes. */
export interface ManyOptions {
  readonly processes: number;
  readonly seed: string;
  /** When no more commands are started: after so many seconds, or so many commands of each process. */
  readonly end: { readonly seconds: number } | { readonly commands: number };
}

/** Let `processes` loops of commands change one store, side by side. */
export async function many(berth: Berth, { processes, seed, end }: ManyOptions): Promise<ManyReport> {
  await berth.files("many", { Dockerfile: "FROM busybox\nARG of\nRUN echo $of > /of\n" });
  const commands: Record<string, number> = {};
  const problems: string[] = [];
  const begun = Date.now();
  const goesOn = (done: number): boolean =>
    "commands" in end ? done < end.commands : Date.now() < begun + end.seconds * 1000;
  const work = async (index: number): Promise<void> => {
    const random = randomOf(`${seed} ${index}`);
    for (let done = 0; goesOn(done); done++) {
      const args = commandOf(random, index);
      const { code, stdout, stderr } = await berth.run(args);
      const verb = args[0] ?? "";
      commands[verb] = (commands[verb] ?? 0) + 1;
      if (wrong.test(stderr) || (code !== 0 && !rightful.test(stderr))) {
        problems.push(`berth ${args.join(" ")} ended with ${code}: ${stderr}${stdout}`);
      }
    }
  };
  await Promise.all(Array.from({ length: processes }, (_, index) => work(index)));
  const check = await berth.run(["system", "check"]);
  if (check.code !== 0) problems.push(`system check: ${check.stdout}${check.stderr}`);
  return { commands, problems };
}

function commandOf(random: Random, index: number): readonly string[] {
  const own = `own-${index}:${Math.floor(random() * 3)}`;
  return pick<readonly string[]>(random, [
    ["import", baseArchives().busybox, own],
    ["tag", own, "shared"],
    ["tag", "busybox", own],
    ["run", "--rm", "--network", "none", "busybox", "true"],
    ["run", "--rm", "--network", "none", own, "true"],
    ["build", "-q", "-t", own, "--build-arg", `of=${Math.floor(random() * 5)}`, "many"],
    ["rmi", own],
    ["rmi", "-f", "shared"],
    ["image", "prune", "-f"],
    ["builder", "prune", "-af"],
    ["images"],
    ["ps", "-a"],
  ]);
}
