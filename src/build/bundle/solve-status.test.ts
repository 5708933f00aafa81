import { expect, test } from "vitest";
import { decodeStatuses, encodeStatus, type SolveStatus } from "./solve-status.ts";

const status: SolveStatus = {
  vertexes: [
    { digest: "sha256:a", inputs: ["sha256:b", "sha256:c"], name: "[1/2] RUN é", cached: true, error: "" },
    { digest: "sha256:b", inputs: [], name: "n", cached: false, started: 1_795_969_439_004.25, error: "exit code: 1" },
    { digest: "sha256:c", inputs: [], name: "n", cached: false, started: 1000, completed: 2500, error: "" },
  ],
  statuses: [
    { id: "transferring", vertex: "sha256:a", current: 300, total: 2 ** 40, timestamp: 1, started: 0, completed: 1 },
  ],
  logs: [
    { vertex: "sha256:a", timestamp: 5, stream: "stdout", data: Buffer.from([0, 255, 10]) },
    { vertex: "sha256:a", timestamp: 6, stream: "stderr", data: Buffer.from("x".repeat(200)) },
  ],
  warnings: [{ vertex: "sha256:a", message: "beware" }],
};

test("what is written down is read again, message by message", () => {
  const empty = { vertexes: [], statuses: [], logs: [], warnings: [] };
  const bytes = Buffer.concat([encodeStatus(status), encodeStatus(empty), encodeStatus(status)]);
  expect([...decodeStatuses(bytes)]).toEqual([status, empty, status]);
});

test("a message is as protocol buffers have it", () => {
  // StatusResponse { logs { vertex: "a", timestamp { seconds: 1, nanos: 5e8 }, stream: 1, msg: "hi" } }
  const log = { vertex: "a", timestamp: 1500, stream: "stdout", data: Buffer.from("hi") } as const;
  const bytes = encodeStatus({ vertexes: [], statuses: [], warnings: [], logs: [log] });
  expect(bytes.toString("hex")).toBe(
    "15000000" + "1a13" + "0a0161" + "1208" + "0801" + "1080cab5ee01" + "1801" + "22026869",
  );
});

test("fields that nobody knows are passed over", () => {
  // A vertex with a name, a progress group, a fixed64 and a fixed32.
  const vertex = Buffer.from(`1a0161${"420161"}${"49"}${"00".repeat(8)}${"55"}${"00".repeat(4)}`, "hex");
  const body = Buffer.concat([Buffer.from([0x0a, vertex.length]), vertex]);
  const [read] = decodeStatuses(Buffer.concat([Buffer.from([body.length, 0, 0, 0]), body]));
  expect(read?.vertexes).toEqual([{ digest: "", inputs: [], name: "a", cached: false, error: "" }]);
});

test.each([
  ["a cut length", "0500"],
  ["a cut message", "05000000aabb"],
  ["a cut field", "030000000a05aa"],
  ["a number without an end", "0b00000008ffffffffffffffffffff"],
  ["a field of no type", "020000000f00"],
  ["a message larger than any", "ffffffff00"],
])("%s is refused", (_what, hex) => {
  expect(() => [...decodeStatuses(Buffer.from(hex, "hex"))]).toThrow(/malformed|cut off/);
});
