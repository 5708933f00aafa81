/** One mount. Snapshots produce these, runtimes consume them; the two never know each other (containerd's `mount.Mount`). */
export interface Mount {
  /** File system type: `overlay`, `bind`, `tmpfs`. */
  readonly type: string;
  readonly source: string;
  /** Where, relative to the root file system that is being put together; the root itself when absent. */
  readonly target?: string;
  /** `ro`, `lowerdir=3:2:1`, … as mount(8) takes them. */
  readonly options: readonly string[];
  /** Working directory that relative paths in `options` refer to; keeps many layers within one page of options. */
  readonly cwd?: string;
}
