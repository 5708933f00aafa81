import { expect, test } from "vitest";
import { neededControllers } from "./step-limits.ts";

test.each([
  [{}, undefined],
  [{ resources: {}, settings: { shmSize: 1 } }, undefined],
  // A cgroup of its own, and no limit.
  [{ settings: { cgroupParent: "mine" } }, []],
  [{ resources: { memory: 1 } }, ["memory"]],
  [{ resources: { cpuShares: 2, cpuQuota: 1 } }, ["cpu"]],
  [{ resources: { memorySwap: -1, nanoCpus: 1, cpusetMems: "0" } }, ["cpu", "cpuset", "memory"]],
  [{ resources: { pidsLimit: 9, cpusetCpus: "0" } }, ["cpuset", "pids"]],
])("steps with %j need the controllers %j", (limits, controllers) => {
  expect(neededControllers(limits)).toEqual(controllers);
});
