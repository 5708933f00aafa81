import { messageOf } from "../../base/errors.ts";
import { CliError } from "../cli-error.ts";
import { evaluate } from "../template/evaluate.ts";
import { withGoTypes } from "../template/go-types.ts";
import { TemplateError } from "../template/nodes.ts";
import { parseTemplate } from "../template/parse.ts";
import { Nil, Typed } from "../template/values.ts";

/** What Docker ends with when a template can't be read. */
const malformed = 64;

const pointer = new Nil("<nil>");
const map = new Nil("map[]");
const list = new Nil("[]");
const duration = new Typed("0s", 0);

/** What Go's types have in fields that may be null or left out. One that is null and not here is a list. */
const zeros: Readonly<Record<string, unknown>> = {
  Annotations: map,
  ArgsEscaped: false,
  Data: map,
  DriverOpts: map,
  ExposedPorts: map,
  Health: pointer,
  Healthcheck: pointer,
  IPAMConfig: pointer,
  Init: pointer,
  Interval: duration,
  Labels: map,
  MacAddress: "",
  MemorySwappiness: pointer,
  Mounts: list,
  NetworkDisabled: false,
  OomKillDisable: pointer,
  OsVersion: "",
  PidsLimit: pointer,
  Retries: 0,
  Shell: list,
  SizeRootFs: pointer,
  SizeRw: pointer,
  StartInterval: duration,
  StartPeriod: duration,
  StopSignal: "",
  StopTimeout: pointer,
  StorageOpt: map,
  Sysctls: map,
  Timeout: duration,
  Tmpfs: map,
  Variant: "",
  Volumes: map,
};

/** Fields that are maps in Go. `Config` and others that are so only in places are not among them. */
const maps: ReadonlySet<string> = new Set([
  ...Object.keys(zeros).filter((name) => zeros[name] === map),
  ...["Networks", "Options", "Ports"],
]);

/**
 * How things are shown one by one, by a template: each with a line feed at its end.
 *
 * @throws {CliError} in Docker's words, with 64 when the template can't be read
 */
export function compileTemplate(format: string): (data: object) => string {
  const template = telling(() => parseTemplate(format), malformed);
  const missing = (field: string): string => `map has no entry for key ${JSON.stringify(field)}`;
  const zero = (field: string): unknown => (Object.hasOwn(zeros, field) ? zeros[field] : undefined);
  return (data) => {
    try {
      return `${evaluate(template, withGoTypes(data), { missing, zero, isMap: (field) => maps.has(field) })}\n`;
    } catch {
      // Docker then tries what the daemon's JSON has, without Go's types, and it is that error that it tells.
      return `${telling(() => evaluate(template, data, { missing }), 1)}\n`;
    }
  };
}

/** One thing by `--format`: `json`, or a template, with a line feed at its end. @throws {CliError} as {@link compileTemplate} */
export function fillTemplate(format: string, data: object): string {
  return format === "json" ? `${JSON.stringify(data)}\n` : compileTemplate(format)(data);
}

function telling<T>(action: () => T, code: number): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new CliError(`template parsing error: ${messageOf(error)}`, { code, cause: error });
  }
}
