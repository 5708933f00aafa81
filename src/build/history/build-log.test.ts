import { expect, test } from "vitest";
import { BuildLogger, unpackLog } from "./build-log.ts";
import { secretTexts } from "./mask.ts";

const output = (text: string, stream: "stdout" | "stderr" = "stdout", id = "step") =>
  ({ kind: "output", id, stream, data: Buffer.from(text) }) as const;

const textOf = (packed: Uint8Array | undefined): string =>
  unpackLog(packed ?? Buffer.alloc(0))
    .map(({ event }) => (event.kind === "output" ? Buffer.from(event.data).toString() : ""))
    .join("");

test("a log has what was told, in order, byte for byte; of transfers their end", () => {
  const logger = new BuildLogger();
  const bytes = Buffer.from([0, 0xff, 0x1b, 0x0a]);
  logger.add(1, { kind: "bytes", id: "step", name: "blob", current: 1, total: 2 });
  logger.add(2, { ...output(""), data: bytes });
  logger.add(3, { kind: "bytes", id: "step", name: "blob", current: 2, total: 2 });
  bytes.fill(1);
  const events = unpackLog(logger.packed([]) ?? Buffer.alloc(0));
  expect(events.map(({ at, event }) => [at, event.kind])).toEqual([
    [2, "output"],
    [3, "bytes"],
  ]);
  expect(events[0]?.event).toMatchObject({ data: Buffer.from([0, 0xff, 0x1b, 0x0a]) });
  expect(new BuildLogger().packed([])).toBeUndefined();
});

test.each([
  ["small", 10],
  ["large", 1000],
])("of very much the beginning and the end are kept, in %s writes", (_what, size) => {
  const logger = new BuildLogger({ head: 30_000, tail: 10_000 });
  const count = 1000;
  for (let at = 0; at < count; at++) logger.add(at, output(`${String(at).padStart(size - 1, ".")}\n`));
  logger.add(count, output("the end\n"));
  const text = textOf(logger.packed([]));
  const [, lost] = /\n\[output clipped, (\d+) bytes are not kept\]\n/.exec(text) ?? [];
  expect(text.length).toBeLessThan(40_100);
  expect([text.startsWith(".".repeat(size - 2)), text.endsWith("999\nthe end\n")]).toEqual([true, true]);
  expect(Number(lost) + text.replace(/\[output.*\n/, "").length).toBe(size * count + "the end\n".length);
});

test("secrets are left out, also where several writes make one up", () => {
  const logger = new BuildLogger();
  const secrets = secretTexts({
    secrets: new Map([
      ["id", Buffer.from("hunter22\n")],
      ["short", Buffer.from("n")],
      ["key", Buffer.from("BEGIN\n0123456789\nEND")],
    ]),
  });
  for (const [at, text] of ["say hun", "ter22 and", " hunter22!\n"].entries()) logger.add(at, output(text));
  logger.add(5, output("hun", "stderr"));
  logger.add(6, output("hunter22", "stdout", "other"));
  logger.add(7, output("key 0123456789 x", "stderr", "other"));
  const packed = logger.packed(secrets);
  expect(textOf(packed)).toBe("say *** and ***!\nhun***key *** x");
});

test("what is no log is refused", () => {
  expect(() => unpackLog(Buffer.from("x"))).toThrow();
});
