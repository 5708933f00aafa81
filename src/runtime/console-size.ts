import type { ProcessSpec } from "../oci/runtime-spec.ts";
import type { WindowSize } from "./window-size.ts";

/** A window's size as a process's specification has it; nothing for none. */
export function consoleSizeOf(size: WindowSize | undefined): Pick<ProcessSpec, "consoleSize"> {
  return size === undefined ? {} : { consoleSize: { height: size.rows, width: size.columns } };
}
