import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { arch } from "node:process";
import { codeOf } from "../base/errors.ts";
import { elfMagic, isStaticElf, qemuName } from "./elf-magic.ts";

/** Where the kernel is told which program runs the programs of another machine. @see Documentation/admin-guide/binfmt-misc.rst */
const binfmt = "/proc/sys/fs/binfmt_misc";

/** Programs that run other machines' programs, one by architecture, as long as somebody needs them. */
export interface Emulators extends AsyncDisposable {
  /**
   * See to it that the kernel runs programs of an architecture by QEMU, from its own place: nothing has to be in their file
   * system. @param architecture in Go's words
   *
   * @returns why that can't be had, or undefined
   */
  ensure(architecture: string): Promise<string | undefined>;
}

/** Emulators that are set up when they are first asked for. Disposing lets go of them. */
export function openEmulators(): Emulators {
  const keepers: ChildProcess[] = [];
  const asked = new Map<string, Promise<string | undefined>>();
  const start = async (architecture: string): Promise<string | undefined> => {
    if (isNative(architecture)) return undefined;
    const name = qemuName(architecture);
    if (name === undefined) return `QEMU isn't known to run programs for ${architecture}`;
    const program = findQemu(name);
    const keeper = spawn("unshare", ["--mount", "--propagation", "private", "sh", "-c", keeperScript], {
      stdio: ["pipe", "pipe", "ignore"],
      // sh hands a rule to the kernel by its path: what is inside is escaped already.
      env: {
        PATH: process.env["PATH"] ?? defaultPath,
        NAME: name,
        RULE: program === undefined ? "" : ruleOf(name, program),
      },
    });
    keeper.stdin?.on("error", () => undefined);
    keepers.push(keeper);
    const answer = await answerOf(keeper);
    if (answer === "ready") return undefined;
    return program === undefined
      ? `there is no qemu-${name}-static: \`apt-get install qemu-user-static\` brings what runs them`
      : "the kernel can't be told of QEMU: that takes root, and binfmt_misc in the kernel";
  };
  return {
    ensure: (architecture) => {
      const known = asked.get(architecture) ?? start(architecture);
      asked.set(architecture, known);
      return known;
    },
    [Symbol.asyncDispose]: async () => {
      for (const keeper of keepers) {
        const ended = keeper.exitCode === null && keeper.signalCode === null ? once(keeper, "exit") : undefined;
        keeper.stdin?.end();
        await ended;
      }
    },
  };
}

/** Of some architectures, in Go's words, those whose programs run here: by the processor, or by a QEMU that is installed. */
export function runnable(architectures: readonly string[]): readonly string[] {
  return architectures.filter((each) => {
    const name = qemuName(each);
    return isNative(each) || (name !== undefined && findQemu(name) !== undefined);
  });
}

/** Whether this machine's processor runs the programs itself. */
function isNative(architecture: string): boolean {
  const own = { x64: "amd64", arm64: "arm64", ia32: "386" }[arch as string] ?? arch;
  return architecture === own || (own === "amd64" && architecture === "386");
}

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Mounts binfmt_misc where nobody else sees it, adds a rule where none is there that opens its program at once, and stays until
 * its input ends. Kernels since 6.7 forget rules with the last mount: so what nobody else has mounted is gone when the last of
 * them ends, however it does.
 */
const keeperScript = `
dir=${binfmt}
[ -d $dir ] || modprobe binfmt_misc 2>/dev/null
mount -t binfmt_misc binfmt_misc $dir || exit 1
for rule in $dir/qemu-$NAME $dir/berth-$NAME; do
  [ -e $rule ] && grep -q '^enabled' $rule && grep -q '^flags: .*F' $rule && found=1
done
if [ -z "$found" ]; then
  [ -n "$RULE" ] || exit 1
  # Another one may do the same at this moment.
  printf '%s' "$RULE" > $dir/register || [ -e $dir/berth-$NAME ] || exit 1
fi
echo ready
exec cat > /dev/null
`;

/** F opens the program now; C takes the rights of what runs from the program itself, and not from QEMU. */
function ruleOf(name: string, program: string): string {
  const { magic, mask } = elfMagic(name);
  return `:berth-${name}:M::${escaped(magic)}:${escaped(mask)}:${program}:CF`;
}

function escaped(bytes: Buffer): string {
  return [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
}

/** A statically linked QEMU along PATH: what it would load isn't in the file system that it is to run in. */
function findQemu(name: string): string | undefined {
  const directories = (process.env["PATH"] ?? defaultPath).split(":").filter((each) => each.startsWith("/"));
  const paths = [`qemu-${name}-static`, `qemu-${name}`].flatMap((file) => directories.map((each) => join(each, file)));
  return paths.find((path) => !path.slice(1).includes(":") && isStatic(path));
}

function isStatic(path: string): boolean {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "EACCES"].includes(codeOf(error) ?? "")) return false;
    throw error;
  }
  try {
    const head = Buffer.alloc(4096);
    return isStaticElf(head.subarray(0, readSync(file, head, 0, head.length, 0)));
  } finally {
    closeSync(file);
  }
}

/** The first line that a program prints; empty when it ends or can't be started. */
async function answerOf(child: ChildProcess): Promise<string> {
  return await new Promise((resolve) => {
    let text = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      const end = text.indexOf("\n");
      if (end >= 0) resolve(text.slice(0, end));
    });
    child.once("error", () => resolve(""));
    child.once("close", () => resolve(""));
  });
}
