// The public library: everything that a program can import from "berth-engine".

export {
  type BakeDefinition,
  type BakeEnvironment,
  type BakeSource,
  type BakeTarget,
  defineBake,
} from "./bake/definition/module.ts";
export { BerthError, type ErrorKind, isKind } from "./base/errors.ts";
export type { Operation, ProgressEvent, StepStatus } from "./base/operation.ts";
export type { BuildOptions, BuildResult, FilesResult } from "./build/build.ts";
export { BuildError } from "./build/build-error.ts";
export type { ImportedBuild } from "./build/bundle/import.ts";
export type { BuildUsage } from "./build/cache-usage.ts";
export type { CheckBuildOptions, CheckedBuild } from "./build/check.ts";
export type { Dockerfiles } from "./build/dockerfiles.ts";
export type { FilesOutput } from "./build/export-files.ts";
export type { LoggedEvent } from "./build/history/build-log.ts";
export type { ExplainedStep, Explanation, Reason } from "./build/history/explain.ts";
export type { LaterEvent } from "./build/history/extend.ts";
export type {
  AskedBuild,
  BuildStatus,
  BuildSummary,
  PastBuild,
  PastStep,
  StepInputs,
  StepOutcome,
  Withheld,
} from "./build/history/past-build.ts";
export type { RecordedRequest } from "./build/history/recorded-request.ts";
export type { KeptStep } from "./build/kept-steps.ts";
export type { BuildOutline, BuildTargets } from "./build/outline.ts";
export type { BuildPlan, PlanOptions } from "./build/plan-build.ts";
export type { PruneBuilds } from "./build/prune.ts";
export type { CallPlace } from "./build/typed/call-places.ts";
export type { ContextSource, Pairs, StageData, TypedSource, Variables } from "./build/typed/data.ts";
export type { BuildGraph, BuildInputs, TargetStage } from "./build/typed/graph.ts";
export type { Duration, HealthcheckOptions } from "./build/typed/healthcheck.ts";
export type { FileMode } from "./build/typed/modes.ts";
export {
  type BindOptions,
  bind,
  type CacheOptions,
  cache,
  type Mount,
  type SecretOptions,
  type SshOptions,
  secret,
  ssh,
  tmpfs,
} from "./build/typed/mounts.ts";
export {
  type AddOptions,
  type CopySources,
  type CopyStageOptions,
  context,
  type FromOptions,
  file,
  from,
  type RunOptions,
  type Stage,
  type StageCommand,
  scratch,
} from "./build/typed/stage.ts";
export type { Verdict } from "./build/verify.ts";
export type { CommitOptions } from "./container/commit.ts";
export type { Container, ContainerConfig, ContainerExit, ContainerState } from "./container/container.ts";
export type { ContainerLogOptions, Containers } from "./container/containers.ts";
export type { ExecRequest } from "./container/exec.ts";
export {
  type ContainerRequest,
  defaultRequest,
  type ResourceRequest,
  type VolumeRequest,
} from "./container/request.ts";
export type { ContainerSize } from "./container/size.ts";
export type { StartOptions } from "./container/start.ts";
export type { CopiedImage, CopyOptions, CopyPlan, MultiArch } from "./copy/copy.ts";
export type { Builds } from "./engine/builds.ts";
export type { Cache } from "./engine/cache.ts";
export type { StoreCheckOptions, StoreProblem } from "./engine/check.ts";
export { type Copies, type CopyRequest, copyBetween } from "./engine/copies.ts";
export type { DiskUsage, ImageUsage, VolumeUsage } from "./engine/disk-usage.ts";
export { type Engine, type EngineUse, openEngine } from "./engine/engine.ts";
export type { FailedSteps } from "./engine/failed-steps.ts";
export type { Images, ImportOptions } from "./engine/images.ts";
export type { OwnerKind, OwnerUsage } from "./engine/owners.ts";
export type { Pushes, PushRequest } from "./engine/pushes.ts";
export type { Finding } from "./host/doctor.ts";
export type { Places } from "./host/host.ts";
export type { ArchiveSource } from "./image/archive-files.ts";
export type { CachedManifest } from "./image/cache-records.ts";
export type { ConfigDifference, FileDifference, ImageDifference } from "./image/diff.ts";
export type { ExploredImage, ExploredLayer } from "./image/explore.ts";
export type { FirstDifference } from "./image/first-difference.ts";
export type { HistoryLine } from "./image/history.ts";
export type { Image, ImageSummary } from "./image/images.ts";
export type { ImageIndex, IndexPlatform } from "./image/indexes.ts";
export type { LayerChanges, LayerFile } from "./image/layer-changes.ts";
export type { LayerTree, TreeLayer } from "./image/layer-tree.ts";
export type { ImageFinding, LintOptions } from "./image/lint-image.ts";
export type { LoadedImage, LoadOptions } from "./image/load.ts";
export type { PrunedImages } from "./image/prune.ts";
export type { PulledImage, PullOptions, PullPlan } from "./image/pull.ts";
export type { PushedImage } from "./image/push.ts";
export type { PushPlan } from "./image/push-plan.ts";
export type { DigestOptions } from "./image/pushed-digest.ts";
export type { Removed } from "./image/removal.ts";
export type { SaveOptions } from "./image/save.ts";
export type { ChainID, DiffID, Digest } from "./oci/digest.ts";
export type { ImageConfig, RunConfig } from "./oci/image-config.ts";
export type { Platform } from "./oci/platform.ts";
export type { RateLimit } from "./registry/repository.ts";
export type { PlannedBlob } from "./registry/send.ts";
export type { Address } from "./registry-server/itself.ts";
export type { LogEntry, RunningCache, ServeOptions } from "./registry-server/server.ts";
export type { CacheExport, CacheForm, CacheImport } from "./remote-cache/options.ts";
export type { AttachIO, Attachment } from "./runtime/attach.ts";
export type { ExecProcess } from "./runtime/exec-process.ts";
export type { LogOutput } from "./runtime/log-output.ts";
export { StartError } from "./runtime/runtime-error.ts";
export type { WindowSize } from "./runtime/window-size.ts";
export type { Change } from "./snapshot/changes.ts";
