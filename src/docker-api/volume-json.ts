import type { Volume } from "../volume/volumes.ts";
import { entered } from "./config-json.ts";

/** What `inspect` prints of a volume. @see Docker Engine API, Volume */
export interface VolumeJSON {
  readonly CreatedAt: string;
  readonly Driver: string;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly Mountpoint: string;
  readonly Name: string;
  readonly Options: Readonly<Record<string, string>> | null;
  readonly Scope: "local";
}

/** A volume as the Engine API shows it. */
export function toVolumeJSON(volume: Volume): VolumeJSON {
  const anonymous = volume.anonymous ? { "com.docker.volume.anonymous": "" } : {};
  return {
    CreatedAt: `${volume.created.slice(0, 19)}Z`,
    Driver: volume.driver,
    Labels: entered({ ...anonymous, ...volume.labels }),
    Mountpoint: volume.mountpoint,
    Name: volume.name,
    Options: entered(volume.options),
    Scope: "local",
  };
}
