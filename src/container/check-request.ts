import { BerthError } from "../base/errors.ts";
import type { ContainerRequest, ResourceRequest } from "./request.ts";
import { signalNumber } from "./signals.ts";

/** What of this machine a request is held against. */
export interface Machine {
  /** Its name, which a container on the host's network has too. */
  readonly hostname: string;
  /** Number of CPUs. */
  readonly cpus: number;
}

/** The kernel needs as much to start a process at all. */
const leastMemory = 6 * 1024 * 1024;

/**
 * Refuse what no container can have, before anything is made.
 *
 * @throws {BerthError} invalid-argument, in Docker's words
 */
export function checkRequest(request: ContainerRequest, workingDir: string, machine: Machine): void {
  const { tmpfs, resources, stopSignal } = request;
  if (workingDir !== "" && !workingDir.startsWith("/")) {
    throw invalid(`the working directory '${workingDir}' is invalid, it needs to be an absolute path`);
  }
  if (stopSignal !== undefined) signalNumber(stopSignal);
  for (const variable of request.env) {
    if (variable.startsWith("=")) throw invalid(`invalid environment variable: ${variable}`);
  }
  for (const { target } of tmpfs) {
    if (!target.startsWith("/")) throw invalid(`invalid mount path: '${target}' mount path must be absolute`);
  }
  checkMemory(resources);
  const { nanoCpus = 0 } = resources;
  if (nanoCpus < 0 || nanoCpus > machine.cpus * 1e9) {
    const most = machine.cpus;
    throw invalid(`Range of CPUs is from 0.01 to ${most}.00, as there are only ${most} CPUs available`);
  }
  checkCpuset("CPUs", resources.cpusetCpus, machine.cpus);
}

function checkMemory({ memory = 0, memorySwap = 0 }: ResourceRequest): void {
  if (memory !== 0 && memory < leastMemory) throw invalid("Minimum memory limit allowed is 6MB");
  if (memory > 0 && memorySwap > 0 && memorySwap < memory) {
    throw invalid("Minimum memoryswap limit should be larger than memory limit, see usage");
  }
  if (memory === 0 && memorySwap > 0) {
    throw invalid("You should always set the Memory limit when using Memoryswap limit, see usage");
  }
}

/** @param text a list as `0-2,7` */
function checkCpuset(what: string, text: string | undefined, count: number): void {
  if (text === undefined || text === "") return;
  const numbers = text.split(/[,-]/);
  if (!/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(text)) throw invalid(`Invalid value ${text} for cpuset cpus`);
  if (numbers.every((number) => Number(number) < count)) return;
  const available = count === 1 ? "0" : `0-${count - 1}`;
  throw invalid(`Requested ${what} are not available - requested ${text}, available: ${available}`);
}

function invalid(message: string): BerthError {
  return new BerthError("invalid-argument", message);
}
