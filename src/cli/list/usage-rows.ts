import { humanSize } from "../../base/human-size.ts";
import { shortID } from "../../base/ids.ts";
import type { Engine } from "../../engine/engine.ts";
import { goTime } from "../format/go-time.ts";
import { ago } from "../format/human-duration.ts";
import type { Listing } from "../format/listing.ts";

/** What the engine tells of the space that things take. */
export type DiskUsage = Awaited<ReturnType<Engine["usage"]>>;

/** One line of `system df`. */
export interface UsageRow {
  readonly type: string;
  readonly total: number;
  readonly active: number;
  /** Bytes. */
  readonly size: number;
  readonly reclaimable: number;
  /** Say what part of the size is reclaimable. */
  readonly hasShare: boolean;
}

/** `system df`: fields, headings and the default table as Docker has them. */
export const usageListing: Listing<UsageRow> = {
  type: "*formatter.diskUsageImagesContext",
  table: ["Type", "TotalCount", "Active", "Size", "Reclaimable"],
  raw: `type: {{.Type}}
total: {{.TotalCount}}
active: {{.Active}}
size: {{.Size}}
reclaimable: {{.Reclaimable}}
`,
  columns: {
    Type: { heading: "TYPE", text: ({ type }) => type },
    TotalCount: { heading: "TOTAL", text: ({ total }) => String(total) },
    Active: { heading: "ACTIVE", text: ({ active }) => String(active) },
    Size: { heading: "SIZE", text: ({ size }) => humanSize(size) },
    Reclaimable: { heading: "RECLAIMABLE", text: reclaimableText },
  },
};

function reclaimableText({ size, reclaimable, hasShare }: UsageRow): string {
  if (!hasShare || size === 0) return humanSize(reclaimable);
  return `${humanSize(reclaimable)} (${Math.trunc((reclaimable * 100) / size)}%)`;
}

/** The four lines of `system df`, computed as Docker does. */
export function usageRows({
  layersSize,
  blobsSize,
  downloadsSize,
  images,
  containers,
  volumes,
  builds,
}: DiskUsage): readonly UsageRow[] {
  const sum = (sizes: readonly { readonly size: number }[]): number =>
    sizes.reduce((total, { size }) => total + size, 0);
  const usedImages = images.filter((each) => each.containers > 0);
  const idle = containers.filter(
    ({ container }) => container.state.status !== "running" && container.state.status !== "paused",
  );
  const unlinked = volumes.filter(({ links }) => links === 0);
  const own = sum(builds.filter(({ shared }) => !shared));
  const kept = usedImages.reduce((total, { image, shared, blobs }) => total + image.size - shared + blobs, 0);
  const all = layersSize + blobsSize + downloadsSize;
  return [
    row("Images", [images.length, usedImages.length], [all, all - kept]),
    row("Containers", [containers.length, containers.length - idle.length], [sum(containers), sum(idle)]),
    row("Local Volumes", [volumes.length, volumes.length - unlinked.length], [sum(volumes), sum(unlinked)]),
    { ...row("Build Cache", [builds.length, 0], [own, own]), hasShare: false },
  ];
}

function row(
  type: string,
  [total, active]: readonly [number, number],
  [size, reclaimable]: readonly [number, number],
): UsageRow {
  return { type, total, active, size, reclaimable, hasShare: true };
}

/** One volume of `system df -v`. */
export const volumeListing: Listing<DiskUsage["volumes"][number]> = {
  type: "*formatter.volumeContext",
  table: ["Name", "Links", "Size"],
  columns: {
    Availability: { heading: "AVAILABILITY", text: () => "N/A" },
    Driver: { heading: "DRIVER", text: ({ volume }) => volume.driver },
    Group: { heading: "GROUP", text: () => "N/A" },
    Labels: { heading: "LABELS", text: ({ volume }) => pairs(volume.labels) },
    Label: { heading: "LABEL", argument: ({ volume }, name) => volume.labels[name] ?? "" },
    Links: { heading: "LINKS", text: ({ links }) => String(links) },
    Mountpoint: { heading: "MOUNTPOINT", text: ({ volume }) => volume.mountpoint },
    Name: { heading: "VOLUME NAME", text: ({ volume }) => volume.name },
    Scope: { heading: "SCOPE", text: () => "local" },
    Size: { heading: "SIZE", text: ({ size }) => humanSize(size) },
    Status: { heading: "STATUS", text: () => "N/A" },
  },
};

function pairs(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .toSorted()
    .join(",");
}

/** One line of the build cache in `system df -v`. */
export interface BuildRow {
  readonly build: DiskUsage["builds"][number];
  /** Whole IDs. */
  readonly whole: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** The build cache in `system df -v`. How often a record was used is not counted. */
export const buildListing: Listing<BuildRow> = {
  type: "*formatter.buildCacheContext",
  raw: `build_cache_id: {{.ID}}
parent_id: {{.Parent}}
build_cache_type: {{.CacheType}}
description: {{.Description}}
created_at: {{.CreatedAt}}
created_since: {{.CreatedSince}}
last_used_at: {{.LastUsedAt}}
last_used_since: {{.LastUsedSince}}
usage_count: {{.UsageCount}}
in_use: {{.InUse}}
shared: {{.Shared}}
`,
  table: ["ID", "CacheType", "Size", "CreatedSince", "LastUsedSince", "UsageCount", "Shared"],
  columns: {
    ID: { heading: "CACHE ID", text: ({ build, whole }) => (whole ? build.id : shortID(build.id)) },
    Parent: { heading: "PARENT", text: () => "" },
    CacheType: { heading: "CACHE TYPE", text: ({ build }) => build.type },
    Description: { heading: "DESCRIPTION", text: ({ build }) => build.description },
    Size: { heading: "SIZE", text: ({ build }) => humanSize(build.size, 3) },
    CreatedAt: { heading: "CREATED AT", text: ({ build }) => goTime(build.created) },
    CreatedSince: { heading: "CREATED", text: ({ build, now }) => ago(build.created, now) },
    LastUsedAt: { heading: "LAST USED AT", text: ({ build }) => goTime(build.used) },
    LastUsedSince: { heading: "LAST USED", text: ({ build, now }) => ago(build.used, now) },
    UsageCount: { heading: "USAGE", text: ({ build }) => String(build.uses ?? "N/A") },
    InUse: { heading: "IN USE", text: () => "false" },
    Shared: { heading: "SHARED", text: ({ build }) => String(build.shared) },
  },
};
