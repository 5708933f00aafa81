import { BerthError, messageOf } from "../../base/errors.ts";
import type { CredentialStore } from "../../registry/credentials.ts";
import type { Credentials } from "../../registry/repository.ts";
import { CliError } from "../cli-error.ts";
import { type Call, type Command, defineCommand } from "../command.ts";
import { bool, text } from "../flags/kinds.ts";
import { errorText } from "../print-error.ts";
import { interruptible } from "../terminal/interrupt.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { warnOn } from "../terminal/warn.ts";

interface LoginValues {
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly "password-stdin": boolean;
}

/** `berth login` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] [SERVER]",
  arity: { min: 0, max: 1 },
  flags: {
    password: text("Password or Personal Access Token (PAT)", { short: "p" }),
    "password-stdin": bool("Take the Password or Personal Access Token (PAT) from stdin"),
    username: text("Username", { short: "u" }),
  },
  examples: ["login -u me registry.example.com", "login -u me --password-stdin registry.example.com < token"],
  run: login,
});

const insecure = "WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n";
const noTerminal = "Error: Cannot perform an interactive login from a non TTY device";
const otherAccount = "To login with a different account, run 'berth logout' followed by 'berth login'";

/** A user's name and what proves it. */
interface Account {
  readonly username: string;
  readonly password: string;
}

async function login({ values, args: [server = "docker.io"], io }: Call<LoginValues>): Promise<number> {
  const given = await givenAccount(values, io);
  const { domainOf } = await import("../../registry/auth-file.ts");
  const { openCredentialStore } = await import("../../registry/credentials.ts");
  const domain = checked(domainOf(server));
  const store = openCredentialStore({ env: io.env, warn: warnOn(io) });
  const session: Session = { domain, store, io };
  const stored = given.username === "" && given.password === "" ? await store.stored(domain) : undefined;
  const { username = "", password = "" } = stored ?? {};
  const isDone = username !== "" && password !== "" && (await logInAgain(session, { username, password }));
  if (!isDone) await logIn(session, await completed(session, given, username));
  io.stdout.write("Login Succeeded\n");
  return 0;
}

/** @throws {BerthError} in the words of Docker's, when it is no host */
function checked(domain: string): string {
  const [strange] = /[^\w.\-:[\]]/u.exec(domain) ?? [];
  if (strange === undefined && URL.canParse(`https://${domain}`)) return domain;
  const why =
    strange === undefined ? "invalid host or port" : `invalid character ${JSON.stringify(strange)} in host name`;
  // What comes before an @ may be a password.
  const url = JSON.stringify(`https://${domain.replace(/^.*@/s, "xxxxx@")}`);
  throw new BerthError("invalid-argument", `unable to parse server address: parse ${url}: ${why}`);
}

/** What the command line has of an account; empty for what is to be asked. */
async function givenAccount(values: LoginValues, io: Terminal): Promise<Account> {
  const { username, password, "password-stdin": fromStdin } = values;
  if (username === "") throw new CliError("username is empty");
  if (password === "") throw new CliError("password is empty");
  if (fromStdin && password !== undefined) {
    throw new CliError("conflicting options: cannot specify both --password and --password-stdin");
  }
  if (password !== undefined) io.stderr.write(insecure);
  if (!fromStdin) return { username: username ?? "", password: password ?? "" };
  if (username === undefined) throw new CliError("the --password-stdin option requires --username to be set");
  return { username, password: (await wholeInput(io)).replace(/\r?\n$|\r$/, "") };
}

/** Most bytes of a password on standard input. */
const longestPassword = 1 << 20;

async function wholeInput({ stdin }: Terminal): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    size += chunk.length;
    if (size > longestPassword) throw new CliError(`the password is longer than ${longestPassword} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** One registry, and where its credentials go. */
interface Session {
  readonly domain: string;
  readonly store: CredentialStore;
  readonly io: Terminal;
}

/** Log in with what is stored. @returns false where the registry doesn't take that any more */
async function logInAgain(session: Session, account: Account): Promise<boolean> {
  const { io } = session;
  io.stderr.write(`Authenticating with existing credentials... [Username: ${account.username}]\n`);
  io.stderr.write(`${noteText(io, [otherAccount])}\n\n`);
  try {
    await logIn(session, account);
    return true;
  } catch (error) {
    if (error instanceof CliError) throw error;
    io.stderr.write(`Login did not succeed, error: ${errorText(error)}\n`);
    return false;
  }
}

/** Have the registry check an account, and keep it. */
async function logIn({ domain, store, io }: Session, { username, password }: Account): Promise<void> {
  const { openRegistries } = await import("../../registry/registries.ts");
  const { readSettings } = await import("../../host/settings.ts");
  using interrupt = interruptible(io);
  const warn = warnOn(io);
  await using registries = openRegistries({
    settings: readSettings(undefined, io.env, warn),
    credentials: async () => undefined,
    warn,
  });
  const kept = await registries.login(domain, { username, password }, interrupt);
  const file = await keep({ domain, store, io }, username, kept);
  if (file !== undefined) io.stderr.write(unencrypted(file));
}

async function keep({ domain, store }: Session, username: string, kept: Credentials): Promise<string | undefined> {
  try {
    return await store.store(domain, { username, ...kept });
  } catch (error) {
    throw new CliError(`Error saving credentials: ${messageOf(error)}`, { cause: error });
  }
}

function unencrypted(file: string): string {
  return `
WARNING! Your credentials are stored unencrypted in '${file}'.
Configure a credential helper to remove this warning. See
https://docs.docker.com/go/credential-store/

`;
}

/** Ask for what an account lacks. @param known the name that stands for an empty answer */
async function completed({ domain, io }: Session, given: Account, known: string): Promise<Account> {
  if (given.username !== "" && given.password !== "") return given;
  if (io.stdin.isTTY !== true) throw new CliError(noTerminal);
  const isHub = domain === "docker.io";
  if (isHub && given.username === "") {
    throw new CliError("berth doesn't log in to Docker Hub by a web page", {
      hint: "`berth login -u NAME` asks for a personal access token, which https://app.docker.com/settings makes.",
    });
  }
  const { openPrompt } = await import("../terminal/prompt.ts");
  using prompt = openPrompt(io);
  const username = given.username || (await prompt.ask(known === "" ? "Username: " : `Username (${known}): `)) || known;
  if (username === "") throw new CliError("Error: Non-null Username Required");
  if (given.password === "" && isHub) io.stderr.write(noteText(io, tokenNote));
  const password = given.password || (await prompt.askSecret("Password: "));
  if (password === "") throw new CliError("Error: Password Required");
  return { username, password };
}

const tokenNote = [
  "A Personal Access Token (PAT) can be used instead.",
  "To create a PAT, visit https://app.docker.com/settings",
  "",
  "",
];

/** Docker's note: in colours on a terminal. @see Docker CLI, internal/tui */
function noteText({ stderr, env }: Terminal, lines: readonly string[]): string {
  if (stderr.isTTY !== true || env["NO_COLOR"]) return `\n Info -> ${lines.join(`\n${" ".repeat(9)}`)}\n`;
  const styled = lines.map((line) => `\x1b[3m${line}\x1b[0m`);
  const head = "\x1b[1m\x1b[106m\x1b[30mi\x1b[0m\x1b[0m \x1b[96mInfo → \x1b[0m\x1b[0m";
  return `\n${head}${styled.join(`\n${" ".repeat(9)}`)}\n`;
}
