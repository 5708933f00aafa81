import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { endToEnd } from "./end-to-end.ts";
import { CannotBoot, makeImage } from "./image.ts";
import { powerLoss } from "./power-loss.ts";

const usage = `npm run test:vm -- [OPTIONS] [VITEST'S ARGUMENTS]
  no option            run the end-to-end tests in Debian 12 on cgroup v2, or those that vitest's arguments pick
  --short              the part of them that continuous integration runs
  --init systemd|plain what is PID 1 there (systemd)
  --power-loss N       cut the power at N random moments, and look at the store after each
  --seed TEXT          what the random moments come from
`;

/** What shows within three minutes whether berth works on this kind of machine. */
const short = ["test/e2e/machine.test.ts", "test/e2e/user-session.test.ts"];

const options = {
  help: { type: "boolean", short: "h" },
  short: { type: "boolean" },
  init: { type: "string", default: "systemd" },
  "power-loss": { type: "string" },
  seed: { type: "string", default: String(Date.now()) },
} as const;

/** The words of this command come first; from the first strange one on, all are vitest's. */
function split(words: readonly string[]): { readonly own: readonly string[]; readonly others: readonly string[] } {
  const takesValue = /^--(init|power-loss|seed)$/;
  let count = 0;
  while (/^(-h|--(help|short|init|power-loss|seed)(=.*)?)$/.test(words[count] ?? "")) {
    count += takesValue.test(words[count] ?? "") ? 2 : 1;
  }
  return { own: words.slice(0, count), others: words.slice(count) };
}

async function main(): Promise<number> {
  const { own, others } = split(process.argv.slice(2));
  const { values } = parseArgs({ args: [...own], options });
  const { init, seed } = values;
  const cycles = Number(values["power-loss"] ?? 0);
  if (values.help || (init !== "systemd" && init !== "plain") || !Number.isSafeInteger(cycles)) {
    process.stdout.write(usage);
    return values.help ? 0 : 2;
  }
  const scratch = mkdtempSync(join(tmpdir(), "berth-vm-"));
  try {
    const image = await makeImage(scratch);
    if (cycles > 0) return await powerLoss(image, { scratch, seed, cycles });
    return await endToEnd(image, { scratch, init, tests: values.short ? short : others });
  } catch (error) {
    if (!(error instanceof CannotBoot)) throw error;
    process.stdout.write(`\n*** SKIPPED: no virtual machine here: ${error.message} ***\n\n`);
    return 0;
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

process.exitCode = await main();
