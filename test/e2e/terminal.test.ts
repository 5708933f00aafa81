import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Berth, openBerthWithBusybox } from "../support/berth.ts";
import { eventually } from "../support/eventually.ts";
import { berthOnTerminal, type PseudoTerminal } from "../support/pseudo-terminal.ts";

let berth: Berth;
beforeAll(async () => {
  berth = await openBerthWithBusybox();
  await berth.out(["run", "-d", "--network", "none", "--name", "box", "busybox", "sleep", "1000"]);
});
afterAll(() => berth[Symbol.asyncDispose]());

const prompt = /\/ # /;
const detachKeys = "\x10\x11";
const newSize = { rows: 41, columns: 101 };

const onTerminal = (...args: readonly string[]): PseudoTerminal =>
  berthOnTerminal(args, { env: berth.env, cwd: berth.directory });
const runOn = (...args: readonly string[]): PseudoTerminal => onTerminal("run", "--network", "none", ...args);
const isRunning = (name: string): Promise<string> => berth.out(["inspect", "--format", "{{.State.Running}}", name]);

// crun gives exec's terminal no size, and attach another one first: it has its own a moment later.
const sized = "until stty size 2>&1 | grep -q 30; do sleep 0.01; done";

/** A command in a container of its own, or in `box`. */
const verbs = [
  { verb: "run", start: (...words: readonly string[]) => runOn("--rm", "-it", "busybox", ...words) },
  { verb: "exec", start: (...words: readonly string[]) => onTerminal("exec", "-it", "box", ...words) },
];

describe.each(verbs)("$verb -it", ({ start }) => {
  test("has the terminal's size, TERM, and a terminal of its own", async () => {
    const words = ["sh", "-c", `${sized}; stty size; echo $TERM; tty`];
    const terminal = start(...words);
    const { code, screen, modes } = await terminal.ended();
    expect({ code, screen }).toEqual({ code: 0, screen: "30 90\r\nxterm\r\n/dev/pts/0\r\n" });
    expect(modes.after).toBe(modes.before);
  });

  test("hears of another size", async () => {
    // stty sets rows and columns one after the other, so that a size between is seen too.
    const script = "trap 'stty size | grep 41.101 && exit 0' WINCH; echo ready; while :; do sleep 0.05; done";
    const words = ["sh", "-c", script];
    const terminal = start(...words);
    await terminal.shows(/ready/);
    await terminal.resize(newSize);
    expect(await terminal.ended()).toMatchObject({ code: 0, screen: expect.stringContaining("41 101\r\n") });
  });

  test("Ctrl-C ends the command and not the shell, Ctrl-Z stops it, fg resumes it, and the shell's exit code comes back", async () => {
    const terminal = start("sh");
    await terminal.shows(prompt);
    terminal.type("echo go; sleep 100\r");
    await terminal.shows(/go\r\n/);
    terminal.type("\x03");
    await terminal.shows(prompt);
    terminal.type("echo =$?=\r");
    await terminal.shows(/=130=\r\n.*# /s);
    terminal.type("sleep 99\r");
    await terminal.shows(/sleep 99\r\n/);
    await eventually(async () => ((await sleeping("sleep 99")) ? true : undefined));
    terminal.type("\x1a");
    await terminal.shows(/Stopped +sleep 99\r\n.*# /s);
    terminal.type("jobs\r");
    await terminal.shows(/\[1\]\+ +Stopped +sleep 99\r\n.*# /s);
    terminal.type("fg\r");
    await terminal.shows(/fg\r\nsleep 99\r\n/);
    terminal.type("\x03");
    await terminal.shows(prompt);
    terminal.type("exit 5\r");
    const { code, modes } = await terminal.ended();
    expect(code).toBe(5);
    expect(modes.after).toBe(modes.before);
  });

  test("Ctrl-D ends the shell", async () => {
    const terminal = start("sh");
    await terminal.shows(prompt);
    terminal.type("\x04");
    expect(await terminal.ended()).toMatchObject({ code: 0 });
  });

  test("a lot of output arrives to its end", async () => {
    const words = ["seq", "1", "30000"];
    const terminal = start(...words);
    const { screen } = await terminal.ended();
    expect(screen.split("\r\n")).toEqual([...Array.from({ length: 30000 }, (_, index) => `${index + 1}`), ""]);
  });
});

/** True when a process with this command line is there, in whichever container. */
async function sleeping(commandLine: string): Promise<boolean> {
  const found = await Promise.all(
    (await berth.out(["ps", "-q"])).split("\n").map((id) => berth.out(["exec", id, "ps", "-o", "args"])),
  );
  return found.join("\n").split("\n").includes(commandLine);
}

test("a container's terminal has its size before the process starts", async () => {
  expect(await runOn("--rm", "-it", "busybox", "stty", "size").ended()).toMatchObject({ screen: "30 90\r\n" });
});

test("Ctrl-C doesn't end a first process that has no handler for it", async () => {
  const terminal = runOn("--rm", "-it", "busybox", "sh", "-c", "echo go; exec cat");
  await terminal.shows(/go\r\n/);
  terminal.type("\x03");
  await terminal.shows(/\^C/);
  terminal.type("still here\r");
  await terminal.shows(/still here\r\nstill here\r\n/);
  terminal.type("\x04");
  expect(await terminal.ended()).toMatchObject({ code: 0 });
});

test("run is left by the detach keys with 0, and attach draws the prompt, takes input and is left with 1", async () => {
  const first = runOn("-it", "--name", "left", "busybox", "sh");
  await first.shows(prompt);
  first.type(detachKeys);
  const left = await first.ended();
  expect(left.code).toBe(0);
  expect(left.modes.after).toBe(left.modes.before);
  expect(await isRunning("left")).toBe("true");

  const second = onTerminal("attach", "--detach-keys", "ctrl-x,a", "left");
  await second.shows(prompt);
  second.type(`${sized}; stty size; echo a$((1+1))b\r`);
  await second.shows(/30 90\r\na2b\r\n.*# /s);
  second.type("\x18a");
  const { code, screen, modes } = await second.ended();
  expect({ code, screen }).toEqual({ code: 1, screen: expect.stringMatching(/read escape sequence\r\n$/) });
  expect(modes.after).toBe(modes.before);

  const third = onTerminal("attach", "left");
  await third.shows(prompt);
  third.type("exit 6\r");
  expect(await third.ended()).toMatchObject({ code: 6 });
  await berth.out(["rm", "left"]);
});

test("exec is left by the detach keys with 1, and its process goes on", async () => {
  const terminal = onTerminal("exec", "-it", "--detach-keys", "ctrl-b", "box", "sleep", "98");
  await eventually(async () => ((await sleeping("sleep 98")) ? true : undefined));
  terminal.type("\x02");
  const { code, screen, modes } = await terminal.ended();
  expect({ code, screen }).toEqual({ code: 1, screen: "read escape sequence\r\n" });
  expect(modes.after).toBe(modes.before);
  expect(await sleeping("sleep 98")).toBe(true);
});

test.each([
  ["run", ["run", "--detach-keys", "foo", "busybox"]],
  ["attach", ["attach", "--detach-keys", "foo", "box"]],
  ["exec", ["exec", "--detach-keys", "foo", "box", "true"]],
  ["start", ["start", "-a", "--detach-keys", "foo", "box"]],
])("%s refuses what is no key", async (_verb, args) => {
  const { code, stderr } = await berth.run(args);
  expect({ code, stderr: stderr.split("\n")[0] }).toEqual({
    code: 1,
    stderr: "invalid detach keys (foo): Unknown character: 'foo'",
  });
});

test.each([
  ["run", ["run", "--rm", "-it", "busybox", "true"]],
  ["exec", ["exec", "-it", "box", "true"]],
])("%s -it refuses an input that is no terminal", async (_verb, args) => {
  expect(await berth.run(args)).toEqual({ code: 1, stdout: "", stderr: "the input device is not a TTY\n" });
});

test.each([
  ["run", ["run", "--rm", "--network", "none", "-t", "busybox"]],
  ["exec", ["exec", "-t", "box"]],
])("%s -t needs no terminal outside", async (_verb, args) => {
  const outcome = await berth.run([...args, "sh", "-c", "echo out; echo err >&2; exit 3"]);
  expect(outcome).toEqual({ code: 3, stdout: "out\r\nerr\r\n", stderr: "" });
});

test("a container goes on when its terminal is gone", async () => {
  const script = "while sleep 0.05; do echo tick; done";
  const terminal = runOn("-it", "--name", "alone", "busybox", "sh", "-c", script);
  await terminal.shows(/tick/);
  await terminal.hangUp();
  const ticks = async (): Promise<number> => (await berth.out(["logs", "alone"])).split("\n").length;
  const before = await ticks();
  await eventually(async () => ((await ticks()) > before + 5 ? true : undefined));
  expect(await isRunning("alone")).toBe("true");
  await berth.out(["rm", "-f", "alone"]);
});

test.each([
  ["attach", ["attach", "held"]],
  ["exec -it", ["exec", "-it", "held", "sh"]],
])("SIGTERM ends %s, gives the terminal back and leaves the container alone", async (_verb, args) => {
  await berth.out(["run", "-dit", "--network", "none", "--name", "held", "busybox", "sh"]);
  const terminal = onTerminal(...args);
  await terminal.shows(prompt);
  terminal.signal("SIGTERM");
  const { code, modes } = await terminal.ended();
  expect(code).toBe(143);
  expect(modes.after).toBe(modes.before);
  expect(await isRunning("held")).toBe("true");
  await berth.out(["rm", "-f", "held"]);
});

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "%s to a run without a terminal goes to its process",
  async (name) => {
    const script = `trap 'echo caught; exit 9' ${name.slice(3)}; echo ready; while :; do sleep 0.05; done`;
    const terminal = runOn("--rm", "busybox", "sh", "-c", script);
    await terminal.shows(/ready/);
    terminal.signal(name);
    expect(await terminal.ended()).toMatchObject({ code: 9, screen: expect.stringContaining("caught\r\n") });
  },
);

describe("exec without a terminal", () => {
  test("gives pipes, which can be opened again", async () => {
    const script = "cat /dev/stdin; echo out > /dev/stdout; echo err > /dev/stderr; readlink /proc/self/fd/1";
    const { code, stdout, stderr } = await berth.run(["exec", "-i", "box", "sh", "-c", script], { input: "in\n" });
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^in\nout\npipe:\[\d+\]\n$/),
      stderr: "err\n",
    });
  });

  test("ends with its process, however much input is left", async () => {
    const input = new Uint8Array(3_000_000);
    for (let round = 0; round < 3; round++) {
      expect(await berth.run(["exec", "-i", "box", "echo", "done"], { input })).toEqual({
        code: 0,
        stdout: "done\n",
        stderr: "",
      });
    }
    expect(await berth.run(["exec", "-i", "box", "wc", "-c"], { input })).toMatchObject({ stdout: "3000000\n" });
  });

  test("hands the process no terminal of the user's", async () => {
    const terminal = onTerminal("exec", "-i", "box", "sh", "-c", "tty; test -t 1 || test -t 2 || echo none");
    terminal.type("\x04");
    expect(await terminal.ended()).toMatchObject({ screen: expect.stringContaining("not a tty\r\nnone\r\n") });
  });

  test.each([
    ["nosuch", 127, 'exec: "nosuch": executable file not found in $PATH: unknown'],
    ["/nosuch", 127, 'exec: "/nosuch": stat /nosuch: no such file or directory: unknown'],
    ["/etc", 126, 'exec: "/etc": is a directory: unknown: permission denied'],
    ["/etc/passwd", 126, 'exec: "/etc/passwd": permission denied: unknown'],
  ])("says in Docker's words and no others that %s can't be started", async (command, code, reason) => {
    const message = `OCI runtime exec failed: exec failed: unable to start container process: ${reason}`;
    for (const flags of [[], ["-t"]]) {
      const outcome = await berth.run(["exec", ...flags, "box", command]);
      expect(outcome).toEqual({ code, stdout: `${message}\r\n`, stderr: "" });
    }
    const detached = await berth.run(["exec", "-d", "box", command]);
    expect(detached).toEqual({ code: 1, stdout: "", stderr: `Error response from daemon: ${message}\n` });
  });

  test("says in Docker's words that its directory isn't there", async () => {
    expect(await berth.run(["exec", "-w", "/nosuch", "box", "ls"])).toEqual({
      code: 127,
      stderr: "",
      stdout:
        'OCI runtime exec failed: exec failed: unable to start container process: chdir to cwd ("/nosuch") set in config.json failed: no such file or directory: unknown\r\n',
    });
  });
});
