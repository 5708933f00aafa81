/** `GraphDriver`: where the layers of an image or a container lie. `Data` is null when that isn't known. */
export interface GraphDriverJSON {
  readonly Data: Readonly<Record<string, string>> | null;
  readonly Name: "overlay2";
}

/** Directories of layers on this machine, absolute. */
export interface LayerPaths {
  /** Top layer first. */
  readonly lower: readonly string[];
  readonly upper?: string;
  readonly work?: string;
}

/** Layers as Docker's overlay2 driver tells of them. There is no `MergedDir`: only the container's own mount namespace has it. */
export function toGraphDriverJSON(paths: LayerPaths | undefined): GraphDriverJSON {
  if (paths === undefined) return { Data: null, Name: "overlay2" };
  const { lower, upper, work } = paths;
  const data = {
    ...(lower.length === 0 ? {} : { LowerDir: lower.join(":") }),
    ...(upper === undefined ? {} : { UpperDir: upper }),
    ...(work === undefined ? {} : { WorkDir: work }),
  };
  return { Data: data, Name: "overlay2" };
}
