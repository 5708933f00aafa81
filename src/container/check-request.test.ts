import { expect, test } from "vitest";
import { checkRequest } from "./check-request.ts";
import { type ContainerRequest, defaultRequest } from "./request.ts";

const check = (request: Partial<ContainerRequest>, workingDir = "") =>
  checkRequest({ ...defaultRequest("x"), ...request }, workingDir, { hostname: "host", cpus: 4 });

test.each<[string, Partial<ContainerRequest>, string]>([
  ["an unknown stop signal", { stopSignal: "FOO" }, "invalid signal: FOO"],
  ["a variable without a name", { env: ["=x"] }, "invalid environment variable: =x"],
  [
    "a relative tmpfs",
    { tmpfs: [{ target: "x", options: [] }] },
    "invalid mount path: 'x' mount path must be absolute",
  ],
  ["too little memory", { resources: { memory: 1024 } }, "Minimum memory limit allowed is 6MB"],
  [
    "less swap than memory",
    { resources: { memory: 64 << 20, memorySwap: 32 << 20 } },
    "Minimum memoryswap limit should be larger than memory limit, see usage",
  ],
  [
    "swap alone",
    { resources: { memorySwap: 64 << 20 } },
    "You should always set the Memory limit when using Memoryswap limit, see usage",
  ],
  [
    "more CPUs than there are",
    { resources: { nanoCpus: 4.1e9 } },
    "Range of CPUs is from 0.01 to 4.00, as there are only 4 CPUs available",
  ],
  [
    "a CPU that isn't there",
    { resources: { cpusetCpus: "0,2-4" } },
    "Requested CPUs are not available - requested 0,2-4, available: 0-3",
  ],
  ["a list of CPUs that is none", { resources: { cpusetCpus: "a" } }, "Invalid value a for cpuset cpus"],
])("refuses %s", (_, request, message) => {
  expect(() => check(request)).toThrow(message);
});

test("refuses a relative working directory", () => {
  expect(() => check({}, "a/b")).toThrow("the working directory 'a/b' is invalid, it needs to be an absolute path");
});

test("takes what can be", () => {
  const resources = { memory: 6 << 20, memorySwap: -1, nanoCpus: 4e9, cpusetCpus: "0-1,3" };
  check({ resources, stopSignal: "usr1", env: ["A=", "B"] }, "/a");
});
