import { expect, test } from "vitest";
import { digestOf } from "../../oci/digest.ts";
import type { ExecOp, Vertex } from "../graph.ts";
import { stepCommand } from "./step-command.ts";

const op: ExecOp = {
  kind: "exec",
  args: ["/bin/sh", "-c", "make"],
  env: ["PATH=/bin"],
  cwd: "/",
  user: "",
  network: "default",
  mounts: [],
  scripts: [],
};
const vertexOf = (changed: Partial<ExecOp>): Vertex => ({
  digest: digestOf(""),
  op: { ...op, ...changed },
  inputs: [],
  name: "RUN make",
});

test("what a command ran with is kept, without secrets", () => {
  const env = ["PATH=/bin", "API_TOKEN=abc", "REPO=https://user:hush@host/", "X=a given secret", "SITE=https://host/"];
  const scripts = [{ name: "EOF", data: "echo given secret" }];
  expect(stepCommand(vertexOf({ env, scripts }), ["given secret"])).toEqual({
    command: {
      op: {
        env: ["PATH=/bin", "SITE=https://host/"],
        cwd: "/",
        user: "",
        network: "default",
        mounts: [],
        scripts: [{ name: "EOF", data: "echo ***" }],
      },
      withheld: ["API_TOKEN", "REPO", "X"],
    },
  });
});

test("other steps have none, nor has one that is too long", () => {
  expect(stepCommand({ ...vertexOf({}), op: { kind: "scratch" } }, [])).toEqual({});
  expect(stepCommand(vertexOf({ scripts: [{ name: "EOF", data: "x".repeat(100_000) }] }), [])).toEqual({});
});
