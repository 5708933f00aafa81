// The public library: everything that a program can import from "berth-engine".
export { BerthError, type ErrorKind, isKind } from "./base/errors.ts";
export type { Operation, ProgressEvent, StepStatus } from "./base/operation.ts";
export type { BuildOptions, BuildResult } from "./build/build.ts";
export { BuildError } from "./build/build-error.ts";
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
export type { StoreCheckOptions, StoreProblem } from "./engine/check.ts";
export type { BuildUsage, DiskUsage, ImageUsage, VolumeUsage } from "./engine/disk-usage.ts";
export { type Engine, type EngineUse, openEngine } from "./engine/engine.ts";
export type { Images, ImportOptions } from "./engine/images.ts";
export type { OwnerKind, OwnerUsage } from "./engine/owners.ts";
export type { Finding } from "./host/doctor.ts";
export type { Places } from "./host/host.ts";
export type { ArchiveSource } from "./image/archive-files.ts";
export type { ConfigDifference, FileDifference, ImageDifference } from "./image/diff.ts";
export type { ExploredImage, ExploredLayer } from "./image/explore.ts";
export type { HistoryLine } from "./image/history.ts";
export type { Image, ImageSummary } from "./image/images.ts";
export type { ImageIndex, IndexPlatform } from "./image/indexes.ts";
export type { LayerChanges, LayerFile } from "./image/layer-changes.ts";
export type { LayerTree, TreeLayer } from "./image/layer-tree.ts";
export type { LoadedImage, LoadOptions } from "./image/load.ts";
export type { PrunedImages } from "./image/prune.ts";
export type { Removed } from "./image/removal.ts";
export type { SaveOptions } from "./image/save.ts";
export type { ChainID, DiffID, Digest } from "./oci/digest.ts";
export type { ImageConfig, RunConfig } from "./oci/image-config.ts";
export type { Platform } from "./oci/platform.ts";
export type { AttachIO, Attachment } from "./runtime/attach.ts";
export type { ExecProcess } from "./runtime/exec-process.ts";
export type { LogOutput } from "./runtime/log-output.ts";
export { StartError } from "./runtime/runtime-error.ts";
export type { WindowSize } from "./runtime/window-size.ts";
export type { Change } from "./snapshot/changes.ts";
