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

/** BuildKit's word for how layers are compressed; undefined without one. @throws {Error} */
export function parseCompression(given: string | undefined): LayerCompression | undefined {
  if (given === undefined || given === "gzip" || given === "zstd") return given;
  if (given === "uncompressed") return "none";
  throw new Error(`berth compresses layers with gzip, zstd or uncompressed, and not with ${given}`);
}

const mostLevel = { gzip: 9, zstd: 22 };

/** How much, in the numbers of a format; undefined where it isn't given. @throws {Error} */
export function parseLevel(given: string | undefined, compression: LayerCompression): number | undefined {
  if (given === undefined) return undefined;
  if (!/^-?\d+$/.test(given)) throw new Error(`non-integer value ${given} specified for compression-level`);
  if (compression === "none") throw new Error("compression-level has no meaning with compression=uncompressed");
  const level = Number(given);
  const most = mostLevel[compression];
  if (level >= 0 && level <= most) return level;
  throw new Error(`compression-level of ${compression} goes from 0 to ${most}`);
}
