import { describe, expect, test } from "vitest";
import { parseBytes, parseCpus, parseDuration, parseMemorySwap } from "./go-values.ts";
import { bool, integer, list, text, value } from "./kinds.ts";
import { parseFlags } from "./parse.ts";

const flags = {
  interactive: bool("", { short: "i" }),
  tty: bool("", { short: "t" }),
  detach: bool("", { short: "d" }),
  "sig-proxy": bool("", { on: true }),
  name: text(""),
  env: list("", { short: "e" }),
  memory: value("", parseBytes, { short: "m" }),
  cpus: value("", parseCpus),
  "memory-swap": value("", parseMemorySwap),
  "pids-limit": integer(""),
};

const parse = (argv: readonly string[], interspersed = true) => parseFlags(flags, argv, { interspersed });

describe("flags are read as Docker reads them", () => {
  test.each<[readonly string[], Record<string, unknown>, readonly string[]]>([
    [["-it", "x"], { interactive: true, tty: true }, ["x"]],
    [["-dit"], { detach: true, interactive: true, tty: true }, []],
    [["-e", "A=1", "-eB=2", "--env", "C=3", "--env=D=4"], { env: ["A=1", "B=2", "C=3", "D=4"] }, []],
    [["-e=A=1"], { env: ["A=1"] }, []],
    [["-ite", "A=1"], { interactive: true, tty: true, env: ["A=1"] }, []],
    [["--name", "x"], { name: "x" }, []],
    [["--name=x", "--name=y"], { name: "y" }, []],
    [["--name="], { name: "" }, []],
    [["--name", "-x"], { name: "-x" }, []],
    [["--sig-proxy=false"], { "sig-proxy": false }, []],
    [["--sig-proxy", "false"], { "sig-proxy": true }, ["false"]],
    [["-t=false", "-"], { tty: false }, ["-"]],
    [["-it=false"], { interactive: true, tty: false }, []],
    [["-m", "64m"], { memory: 64 << 20 }, []],
    [["--", "-x", "--name"], {}, ["-x", "--name"]],
    [["x", "--", "-t"], { tty: false }, ["x", "-t"]],
  ])("%j", (argv, expected, positional) => {
    const parsed = parse(argv);
    expect(parsed.values).toMatchObject(expected);
    expect(parsed.positional).toEqual(positional);
  });

  test("what isn't given keeps its initial value and isn't in `given`", () => {
    const { values, given } = parse(["-t"]);
    expect(values).toMatchObject({ "sig-proxy": true, env: [], name: undefined });
    expect([...given]).toEqual(["tty"]);
  });

  test("after the first word everything belongs to the command where Docker has it so", () => {
    const { values, positional } = parse(["-t", "busybox", "ls", "-e", "--", "-d"], false);
    expect(values).toMatchObject({ tty: true, detach: false, env: [] });
    expect(positional).toEqual(["busybox", "ls", "-e", "--", "-d"]);
  });
});

describe("wrong use is told in the words of Docker's flag library", () => {
  test.each([
    [["--foo"], "unknown flag: --foo"],
    [["--foo=1"], "unknown flag: --foo"],
    [["--=1"], "bad flag syntax: --=1"],
    [["-x"], "unknown shorthand flag: 'x' in -x"],
    [["-itx"], "unknown shorthand flag: 'x' in -x"],
    [["-xit"], "unknown shorthand flag: 'x' in -xit"],
    [["--name"], "flag needs an argument: --name"],
    [["-e"], "flag needs an argument: 'e' in -e"],
    [["-ite"], "flag needs an argument: 'e' in -e"],
    [["--cpus=abc"], 'invalid argument "abc" for "--cpus" flag: failed to parse abc as a rational number'],
    [["-m", "x"], `invalid argument "x" for "-m, --memory" flag: invalid size: 'x'`],
    [["-it=x"], 'invalid argument "x" for "-t, --tty" flag: strconv.ParseBool: parsing "x": invalid syntax'],
    [["--pids-limit=a"], 'invalid argument "a" for "--pids-limit" flag: strconv.ParseInt: parsing "a": invalid syntax'],
    [["--constructor"], "unknown flag: --constructor"],
  ])("%j", (argv, message) => {
    expect(() => parse(argv)).toThrow(message);
  });
});

test.each([
  ["64m", 64 << 20],
  ["1.5g", 1.5 * 2 ** 30],
  ["4096", 4096],
  ["10 MB", 10 << 20],
  ["1KiB", 1024],
  ["7b", 7],
])("%s is %i bytes", (given, bytes) => {
  expect(parseBytes(given)).toBe(bytes);
});

test.each([
  ["x", "invalid size: 'x'"],
  ["1x", "invalid suffix: 'x'"],
  ["1mm", "invalid suffix: 'mm'"],
  ["-1", "invalid size: '-1'"],
  ["1.2.3", 'strconv.ParseFloat: parsing "1.2.3": invalid syntax'],
])("%s is no size", (given, message) => {
  expect(() => parseBytes(given)).toThrow(message);
});

test.each([
  ["1.5", 1_500_000_000],
  ["1/2", 500_000_000],
  [".01", 10_000_000],
])("--cpus %s is %i billionths", (given, nano) => {
  expect(parseCpus(given)).toBe(nano);
});

test("--cpus is exact", () => {
  expect(() => parseCpus("0.0000000001")).toThrow("value is too precise");
});

test.each([
  ["1h30m", 5_400_000],
  ["1.5s", 1500],
  ["10", undefined],
  ["", undefined],
  ["5x", undefined],
])("the duration %s", (given, milliseconds) => {
  expect(parseDuration(given)).toBe(milliseconds);
});
