/** Which cgroup hierarchies this machine has. `hybrid` is v1 controllers with an empty v2 tree below `unified`. */
export interface CgroupLayout {
  readonly version: 1 | 2;
  readonly hybrid: boolean;
  /** Controllers that containers can be limited by: `cpu`, `cpuset`, `memory`, `devices`, `pids`, … */
  readonly controllers: readonly string[];
}
