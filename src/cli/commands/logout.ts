import { messageOf } from "../../base/errors.ts";
import { type Command, defineCommand } from "../command.ts";
import { warnOn } from "../terminal/warn.ts";

/** `berth logout` */
export const command: Command = defineCommand({
  synopsis: "[SERVER]",
  arity: { min: 0, max: 1 },
  flags: {},
  onFullDisk: true,
  examples: ["logout registry.example.com"],
  run: async ({ args: [server = "docker.io"], io }) => {
    const { domainOf, keyOf } = await import("../../registry/auth-file.ts");
    const { openCredentialStore } = await import("../../registry/credentials.ts");
    const domain = domainOf(server);
    const name = keyOf(domain).replace(/^.*@/s, "xxxxx@");
    io.stdout.write(`Removing login credentials for ${name}\n`);
    const warn = warnOn(io);
    try {
      await openCredentialStore({ env: io.env, warn }).erase(domain);
    } catch (error) {
      warn(`could not erase credentials:\n${name}: ${messageOf(error)}`);
    }
    return 0;
  },
});
