import type { Engine } from "../engine/engine.ts";

/** The images of an engine. */
export type Images = Engine["images"];

/** Something in an image that its maker would rather not give out. */
export type ImageFinding = Awaited<ReturnType<Images["lint"]>>[number];

/** What a push would do. */
export type PushPlan = ReturnType<Images["planPush"]> extends AsyncIterable<infer Plan> ? Plan : never;

/** An image in a list, as the engine gives it. */
export type ImageSummary = ReturnType<Engine["images"]["list"]>[number];

/** An image for several platforms, as the engine gives it. */
export type ImageIndex = ReturnType<Engine["images"]["indexes"]>[number];

/** One line of an image's history. */
export type HistoryLine = ReturnType<Engine["images"]["history"]>[number];

/** What each layer of an image does. */
export type ExploredImage = Awaited<ReturnType<Engine["images"]["explore"]>>;

/** One layer of an image, and what it does. */
export type ExploredLayer = ExploredImage["layers"][number];

/** A file that a layer adds, changes or deletes. */
export type LayerFile = ExploredLayer["files"][number];

/** Every image by its layers. */
export type LayerTree = Awaited<ReturnType<Engine["images"]["layerTree"]>>;

/** What is done with a container's streams. */
export type AttachIO = Parameters<Engine["containers"]["attach"]>[1];

/** A connection to a container's streams. */
export type Attachment = Awaited<ReturnType<Engine["containers"]["attach"]>>;

/** A process that was run in a container. */
export type ExecProcess = NonNullable<Awaited<ReturnType<Engine["containers"]["exec"]>>>;

/** Size of a terminal in characters. */
export type WindowSize = NonNullable<AttachIO["windowSize"]>;

/** How the cache is served. */
export type ServeCacheOptions = Parameters<Engine["cache"]["serve"]>[0];

/** What came of a request to the cache. */
export type LogEntry = Parameters<NonNullable<ServeCacheOptions["log"]>>[0];

/** A manifest that the cache keeps. */
export type CachedManifest = Awaited<ReturnType<Engine["cache"]["list"]>>[number];

/** An earlier build in a list. */
export type BuildSummary = Awaited<ReturnType<Engine["builds"]["list"]>>[number];

/** An earlier build with its steps. */
export type PastBuild = Awaited<ReturnType<Engine["builds"]["get"]>>;

/** One step of an earlier build. */
export type PastStep = PastBuild["recorded"][number];

/** Something that a step of an earlier build told or wrote. */
export type LoggedEvent = Awaited<ReturnType<Engine["builds"]["log"]>>[number];

/** Why the steps of a build ran. */
export type Explanation = Awaited<ReturnType<Engine["builds"]["explain"]>>;

/** What a build would do. */
export type BuildPlan = Awaited<ReturnType<Engine["builds"]["plan"]>>;
