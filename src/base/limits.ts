/** The names of {@link limits}. */
type Limit =
  | "files"
  | "freeInodes"
  | "freeBytes"
  | "imageFiles"
  | "imageLinks"
  | "layers"
  | "json"
  | "jsonDepth"
  | "jsonValues"
  | "indexDepth"
  | "manifests"
  | "diagnostics"
  | "dockerfile"
  | "growth"
  | "growthFloor"
  | "extendedHeader"
  | "sparseMap"
  | "sparseBlocks"
  | "name"
  | "links"
  | "responseHead"
  | "tokenAnswer"
  | "refusal"
  | "redirects"
  | "pages"
  | "tags"
  | "toc"
  | "chunk"
  | "servedLayers"
  | "cacheRecords";

/**
 * What berth takes from outside (archives, images, Dockerfiles, registries) at most. They are fixed: each is far beyond what people make,
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
  /** Lists and objects of such a document in each other: those of images have some six. */
  jsonDepth: 500,
  /** Values of such a document, each of some hundred bytes in memory: an index of 10,000 manifests has half of them. */
  jsonValues: 250_000,
  /** Indexes in each other. Two is what people have: a layout's, and that of an image for several platforms. */
  indexDepth: 8,
  /** Manifests of all indexes of a layout. */
  manifests: 10_000,
  /** Bytes of a Dockerfile or ignore file, which are in memory as a whole. BuildKit's messages end at 16 MiB, too. */
  dockerfile: 16 << 20,
  /** Warnings of a Dockerfile, of which a text of that size may have millions. */
  diagnostics: 10_000,
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
  /** Bytes of the head of a registry's answer: signed URLs and challenges come to a few kilobytes. */
  responseHead: 64 << 10,
  /** Bytes of a token server's answer: the tokens of the largest registries come to some kilobytes. */
  tokenAnswer: 256 << 10,
  /** Bytes of a registry's refusal that are looked at. */
  refusal: 64 << 10,
  /** Redirects of one request: what Go's net/http follows, and so Docker. */
  redirects: 10,
  /** Pages of a registry's list, such as of tags: each may link to another. */
  pages: 10_000,
  /** Tags of a repository: the largest of Docker Hub have some hundred thousand. */
  tags: 1_000_000,
  /** Bytes of a layer's table of contents, decompressed: some 300 a file. It is in memory as a whole. */
  toc: 64 << 20,
  /** Bytes of a file that a table of contents gives one checksum: eStargz has 4 MiB. They are in memory as a whole. */
  chunk: 32 << 20,
  /** Layers of an image that is started before it is whole: their longer paths have to fit one mount. */
  servedLayers: 60,
  /** Records of an imported build cache, and layers, and links between records: BuildKit itself reads a megabyte of them. */
  cacheRecords: 40_000,
};
