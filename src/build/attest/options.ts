/** What is to be said of how an image was made. @see BuildKit, docs/attestations/slsa-provenance.md */
export interface ProvenanceOptions {
  /** Whether values that a user gave, and the steps, are told. */
  readonly mode: "min" | "max";
  /** Of SLSA's predicate. */
  readonly version: "v0.2" | "v1";
  /** Who built; empty when absent. */
  readonly builderID?: string;
  readonly reproducible?: boolean;
  /** Not as a file beside the files of a target. */
  readonly inlineOnly?: boolean;
  /** Of that file: `provenance.json` when absent. */
  readonly filename?: string;
}

/** What is to be said of an image. */
export interface AttestOptions {
  readonly provenance?: ProvenanceOptions;
  /** A list of the packages in it: berth's own, or a generator's. */
  readonly sbom?: boolean | SbomGenerator;
}

/** An image whose command lists what is in file systems. @see BuildKit, docs/attestations/sbom-protocol.md */
export interface SbomGenerator {
  readonly generator: string;
  /** What it is told besides, as `BUILDKIT_SCAN_NAME`. */
  readonly parameters?: Readonly<Record<string, string>>;
}

/** Whether an image gets anything said of it. */
export function isAttested({ provenance, sbom = false }: AttestOptions = {}): boolean {
  return provenance !== undefined || sbom !== false;
}
