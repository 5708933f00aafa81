import { type Call, type Command, defineCommand } from "../command.ts";
import { buildFlags, readSecrets, type SecretFlag } from "../request/build-flags.ts";
import { findFailedStep } from "../request/failed-step.ts";
import { type SshFlag, sshOption } from "../request/ssh-flag.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { failureOf } from "./build-failure.ts";

interface RetryValues {
  readonly secret: readonly SecretFlag[];
  readonly ssh: readonly SshFlag[];
}

/** `berth build retry` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] [BUILD [STEP]]",
  arity: { min: 0, max: 2 },
  flags: { secret: buildFlags.secret, ssh: buildFlags.ssh },
  examples: ["build retry", "build retry 4f5a1c 3/5"],
  run: retry,
});

async function retry({ values, args, io, engine }: Call<RetryValues>): Promise<number> {
  const { failedSteps } = await engine();
  const step = findFailedStep(failedSteps.list(), args);
  using interrupt = interruptible(io);
  const secrets = readSecrets(values.secret, io.env);
  io.stderr.write(`${step.name}\n`);
  try {
    await failedSteps.retry(step, {
      signal: interrupt.signal,
      secrets,
      ...sshOption(values.ssh, { context: "", user: io.env }),
      report: (event) => {
        if (event.kind === "output") io[event.stream].write(event.data);
      },
    });
  } catch (error) {
    throw failureOf(error);
  }
  io.stderr.write(
    "The step's layer is in the build cache now, with what was changed by hand: run the build again, and it goes on from here.\n" +
      "`build --no-cache` makes it of the Dockerfile alone.\n",
  );
  return 0;
}
