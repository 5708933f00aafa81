import { shortID } from "../../base/ids.ts";
import type { BuildSummary, PastStep } from "../engine-types.ts";
import { buildDuration } from "../format/build-duration.ts";
import { ago } from "../format/human-duration.ts";
import type { Listing } from "../format/listing.ts";
import { printable } from "../format/printable.ts";

/** One line of `builds`. */
export interface BuildRow {
  readonly build: BuildSummary;
  /** Whole IDs and names. */
  readonly whole: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Columns of a name, of which the end says most. */
const nameWidth = 36;

const statuses: Readonly<Record<BuildSummary["status"], string>> = {
  completed: "Completed",
  error: "Error",
  canceled: "Canceled",
};

/** `builds`: fields, headings and the default table as `buildx history ls` has them, and what else is known. */
export const buildListing: Listing<BuildRow> = {
  type: "*history.lsContext",
  table: ["Ref", "Name", "Status", "CreatedAt", "Duration"],
  columns: {
    Ref: { heading: "BUILD ID", text: ({ build, whole }) => (whole ? build.id : shortID(build.id)) },
    ID: { heading: "BUILD ID", text: ({ build }) => build.id },
    Name: { heading: "NAME", text: nameText },
    Status: { heading: "STATUS", text: ({ build }) => statuses[build.status] },
    CreatedAt: { heading: "CREATED AT", text: ({ build, now }) => ago(startOf(build), now) },
    StartedAt: { heading: "STARTED AT", text: ({ build }) => startOf(build) },
    Duration: { heading: "DURATION", text: ({ build }) => buildDuration(build.duration) },
    Tags: { heading: "TAGS", text: ({ build }) => build.tags.join(",") },
    Image: { heading: "IMAGE", text: ({ build }) => build.image ?? "" },
    Context: { heading: "CONTEXT", text: ({ build }) => printable(build.context) },
    Dockerfile: { heading: "DOCKERFILE", text: ({ build }) => printable(build.dockerfile) },
    Target: { heading: "TARGET", text: ({ build }) => build.target ?? "" },
    Platform: { heading: "PLATFORM", text: ({ build }) => build.platform },
    TotalSteps: { heading: "STEPS", text: ({ build }) => String(build.steps.total) },
    CompletedSteps: { heading: "COMPLETED", text: ({ build }) => String(build.steps.completed) },
    CachedSteps: { heading: "CACHED", text: ({ build }) => String(build.steps.cached) },
  },
};

/** RFC 3339. */
export function startOf({ started }: BuildSummary): string {
  return new Date(started).toISOString();
}

/** `3`, `3-5`; empty for what has no place in the Dockerfile. */
export function linesOf({ span }: { readonly span?: PastStep["span"] | undefined }): string {
  if (span === undefined) return "";
  return span.start === span.end ? String(span.start) : `${span.start}-${span.end}`;
}

function nameText({ build, whole }: BuildRow): string {
  const name = printable(build.name);
  return whole || name.length <= nameWidth ? name : `..${name.slice(2 - nameWidth)}`;
}

/** A build as `buildx history ls --format json` has it, and what else is known. */
export function buildJSON(build: BuildSummary): object {
  const { id, name, status, steps, tags, image, target, platform, error } = build;
  return {
    ref: id,
    name,
    status: statuses[status],
    created_at: startOf(build),
    completed_at: new Date(build.started + build.duration).toISOString(),
    total_steps: steps.total,
    completed_steps: steps.completed,
    cached_steps: steps.cached,
    context: build.context,
    dockerfile: build.dockerfile,
    target: target ?? "",
    platform,
    tags,
    image: image ?? "",
    ...(error === undefined ? {} : { error }),
  };
}
