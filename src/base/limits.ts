/** The names of {@link limits}. */
type Limit =
  | "files"
  | "freeInodes"
  | "freeBytes"
  | "imageFiles"
  | "imageLinks"
  | "layers"
  | "json"
  | "indexDepth"
  | "manifests"
  | "dockerfile"
  | "growth"
  | "growthFloor"
  | "extendedHeader"
  | "sparseMap"
  | "sparseBlocks"
  | "name"
  | "links";

/**
 * What berth takes from outside (archives, images, Dockerfiles) at most. They are fixed: each is far beyond what people make,
 * and within what a machine survives. `docs/hostile-input.md` tells users.
 */
export const limits: Readonly<Record<Limit, number>> = {
  /**
   * Files and directories that one archive may make, those included that it only implies. Each takes an inode and a
   * kilobyte of metadata, but as little as a byte of a compressed archive. The largest images have some two million.
   */
  files: 10_000_000,
  /** Inodes that stay free on the file system: a machine without any can't even log in properly. */
  freeInodes: 10_000,
  /** Bytes that stay free, and that may be announced before the file system is asked again. */
  freeBytes: 64 << 20,
  /** Files of an archive of images, each kept in memory by its name: Docker's own has at most 500 layers an image, and a few files a layer. */
  imageFiles: 100_000,
  /** Links that the name of a file of such an archive may lead through. Docker's older archives have one, for a layer that comes twice. */
  imageLinks: 16,
  /** Layers of an image: overlayfs takes 500 directories below the upper one, and a container's mount points are one of them. */
  layers: 499,
  /** Bytes of a config, manifest or index: containerd's limit. They are in memory as a whole. */
  json: 8 << 20,
  /** Indexes in each other. Two is what people have: a layout's, and that of an image for several platforms. */
  indexDepth: 8,
  /** Manifests of all indexes of a layout. */
  manifests: 10_000,
  /** Bytes of a Dockerfile or ignore file, which are in memory as a whole. BuildKit's messages end at 16 MiB, too. */
  dockerfile: 16 << 20,
  /** Times its own size that a compressed stream may grow to. File systems come to a few; gzip's most is 1032, of zeros alone. */
  growth: 250,
  /** Bytes that any stream may grow to, such as an empty disk's image. */
  growthFloor: 4 * 2 ** 30,
  /** Bytes of an extended header or a long name: the limit of Go's archive/tar. */
  extendedHeader: 1 << 20,
  /** Bytes of the map of a sparse file. */
  sparseMap: 1 << 20,
  /** Blocks of regions behind the header of a sparse file in GNU's old form. */
  sparseBlocks: 4096,
  /** Bytes of a name: the kernel's PATH_MAX. */
  name: 4096,
  /** Symbolic links that one name may lead through: what Docker follows. */
  links: 255,
};
