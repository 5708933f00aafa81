import { monotonic } from "../../base/clock.ts";
import { CliError } from "../cli-error.ts";
import type { Terminal } from "../terminal/terminal.ts";
import type { ProgressDisplay } from "./display.ts";
import { plainProgress } from "./plain.ts";
import { rawJSONProgress } from "./raw-json.ts";
import { ttyProgress } from "./tty.ts";

const kinds = ["auto", "none", "plain", "rawjson", "tty"] as const;

/** How progress is shown. */
export type ProgressKind = (typeof kinds)[number];

/** Read `--progress`. @throws {Error} */
export function parseProgressKind(text: string): ProgressKind {
  const known = kinds.find((kind) => kind === text);
  if (known !== undefined) return known;
  if (text === "quiet") return "none";
  throw new Error(`invalid progress mode ${text}`);
}

/** What `--progress` says, or where it leaves that open the variable `BUILDKIT_PROGRESS`. @throws {CliError} */
export function chosenProgress({ env }: Pick<Terminal, "env">, given: ProgressKind = "auto"): ProgressKind {
  const variable = env["BUILDKIT_PROGRESS"];
  if (given !== "auto" || variable === undefined || variable === "") return given;
  try {
    return parseProgressKind(variable);
  } catch (error) {
    throw new CliError(`ERROR: invalid progress mode ${variable}`, { cause: error });
  }
}

/** A display on stderr: painted on a terminal, in lines elsewhere. @throws {CliError} where a picture is wanted without a terminal */
export function displayOf(
  { stderr, env }: Pick<Terminal, "stderr" | "env">,
  kind: ProgressKind,
): ProgressDisplay | undefined {
  if (kind === "none") return undefined;
  const isTTY = stderr.isTTY === true;
  if (kind === "tty" && !isTTY)
    throw new CliError("ERROR: failed to get console: provided file is not a console", {
      hint: "--progress=plain writes lines, wherever they go.",
    });
  const write = (text: string): void => void stderr.write(text);
  const now = (): number => monotonic();
  if (kind === "rawjson") return rawJSONProgress({ write, time: Date.now });
  if (kind === "plain" || !isTTY) return plainProgress({ write, now });
  const size = () => ({ rows: stderr.rows ?? 24, columns: stderr.columns ?? 80 });
  return ttyProgress({ write, now, size, colour: !env["NO_COLOR"] });
}
