import { execFileSync } from "node:child_process";
import { join } from "node:path";

/** Root file systems that base images are imported from: absolute paths of tar archives. */
export interface BaseArchives {
  /** 2 MB; a shell and small tools. */
  readonly busybox: string;
  /** 77 MB; bash and apt. */
  readonly debian: string;
}

let made: BaseArchives | undefined;

/** The archives that `scripts/base-images` makes; they are made first where the cache lacks them. Needs root then. */
export function baseArchives(): BaseArchives {
  made ??= makeBaseArchives();
  return made;
}

function makeBaseArchives(): BaseArchives {
  const script = join(import.meta.dirname, "../../scripts/base-images");
  const [busybox, debian] = execFileSync(script, ["--archives"], { encoding: "utf8" }).trim().split("\n");
  if (busybox === undefined || debian === undefined) throw new Error(`${script} --archives printed no paths`);
  return { busybox, debian };
}
