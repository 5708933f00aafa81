import type { LayerCompression } from "../../oci/image-index.ts";
import { CliError } from "../cli-error.ts";
import type { Flag } from "../flags/flag.ts";
import { value } from "../flags/kinds.ts";

/** `--compression`: how layers are compressed. */
export function compressionFlag(description: string): Flag<LayerCompression | undefined> {
  return value(`${description} ("gzip", "zstd", "none")`, (given) => {
    if (given === "gzip" || given === "zstd" || given === "none") return given;
    throw new CliError('must be "gzip", "zstd" or "none"');
  });
}
