/** Where berth differs from Docker on purpose. */
export interface Difference {
  /** Names of the cases. */
  readonly cases: RegExp;
  /** What each does. */
  readonly berth: "refuses" | "takes";
  readonly docker: "refuses" | "takes";
  readonly because: string;
}

/** Every one; a case that is in none must come out alike. */
export const differences: readonly Difference[] = [
  {
    cases: /^a name that (climbs(?! and comes back| by a global record)|is \.\.$|ends in \.\.$)|'s name outside$/,
    berth: "refuses",
    docker: "takes",
    because: "Docker unpacks in a chroot, where .. ends at the root; no program writes such a name but to break out",
  },
  {
    cases:
      /^(a symlink to the outside, then|a relative symlink to the outside|a chain of symlinks out|a symlink in place of a dir|a directory, a link and the dir|a parent that becomes a link|a whiteout through a symlink out|an opaque mark through a symlink out)/,
    berth: "takes",
    docker: "refuses",
    because: "a link's target that isn't there is made inside the root, where it does no harm",
  },
  {
    cases:
      /^(a directory over a symlink out|a file over a symlink out|a mode through a symlink out|a hard link to a symlink out, then|two files of one name|a directory where a file was|a file over (a FIFO|a device|a file with two names))/,
    berth: "takes",
    docker: "refuses",
    because: "Docker's record of an archive can't hold a name twice; tar itself writes such archives (tar --append)",
  },
  {
    cases: /^a hard link to a file that is itself$/,
    berth: "takes",
    docker: "refuses",
    because: "the file is what the archive says; Docker deletes it first",
  },
  {
    cases: /^(the root as a (file|device)|an empty name|an empty long name)$/,
    berth: "refuses",
    docker: "takes",
    because: "the entry says what can't be, or its name is lost; Docker passes over it or uses the short name",
  },
  {
    cases: /^(a negative owner|an owner that is too large|a device with huge numbers|a negative device)$/,
    berth: "refuses",
    docker: "takes",
    because: "Linux has no such number: Docker makes root the owner, or leaves the device out",
  },
  {
    cases: /^a time (after the end of time|before the beginning)$|^a PAX time of 15 digits$/,
    berth: "takes",
    docker: "takes",
    because: "a time that the file system doesn't have becomes the nearest that it has; Docker's is 1970",
  },
  {
    cases: /^(a whiteout of what the archive has|a whiteout twice)$/,
    berth: "takes",
    docker: "refuses",
    because: "what is deleted is gone, however often; Docker's overlayfs can't make the mark over a file",
  },
  {
    cases: /^an opaque mark in a file$/,
    berth: "refuses",
    docker: "takes",
    because: "a file has no content to hide: the archive is damaged",
  },
  {
    cases: /^(cut after \d+ bytes|a long name cut before its entry)$/,
    berth: "refuses",
    docker: "takes",
    because:
      "an archive that is cut off is refused wherever it is cut; Docker takes one that is cut in padding or in a long name",
  },
  {
    cases: /^a config of 9 megabytes$/,
    berth: "refuses",
    docker: "takes",
    because: "a config is read into memory as a whole: 8 MiB at most, as containerd has it",
  },
  {
    cases: /^a gzip layer with garbage behind it$/,
    berth: "refuses",
    docker: "takes",
    because: "the compressed layer is damaged; Docker stops reading before it finds out",
  },
];
