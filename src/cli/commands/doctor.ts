import { type Command, defineCommand } from "../command.ts";
import { align } from "../format/align.ts";

/** `berth doctor` */
export const command: Command = defineCommand({
  synopsis: "",
  arity: { min: 0, max: 0 },
  flags: {},
  examples: ["doctor"],
  run: async ({ io, engine }) => {
    const findings = await (await engine()).doctor();
    const rows = findings.map(({ name, value, status }) => [name, status, value]);
    io.stdout.write(align([["CHECK", "STATUS", "VALUE"], ...rows]));
    const remedies = findings.flatMap(({ name, remedy }) => (remedy === undefined ? [] : [`  ${name}: ${remedy}`]));
    if (remedies.length > 0) io.stdout.write(`\nTo mend it:\n${remedies.join("\n")}\n`);
    return findings.some(({ status }) => status === "missing") ? 1 : 0;
  },
});
