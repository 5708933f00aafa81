import type { Engine } from "../engine/engine.ts";

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
