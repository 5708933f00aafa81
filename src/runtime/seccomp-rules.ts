import { allowedSyscalls } from "./seccomp-allowed.ts";

/** A condition on one argument of a system call; `valueTwo` is what a masked argument must equal. */
export interface SeccompArgument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: "SCMP_CMP_LT" | "SCMP_CMP_EQ" | "SCMP_CMP_GT" | "SCMP_CMP_MASKED_EQ";
}

/** One rule of Docker's default profile and when it counts. */
export interface SeccompRule {
  /** Names, with white space between. */
  readonly names: string;
  /** Allowed only with this argument. */
  readonly arg?: SeccompArgument;
  /** Fails with this error number, where another rule's absence would make it EPERM. */
  readonly errno?: number;
  /** Counts only with this capability. */
  readonly capability?: string;
  /** Counts only without this capability. */
  readonly withoutCapability?: string;
  /** Counts only on these architectures, in Go's words. */
  readonly architectures?: readonly string[];
  readonly exceptArchitectures?: readonly string[];
}

/** Every CLONE_NEW flag but CLONE_NEWTIME: a thread or child may be made, a namespace may not. @see clone(2) */
const cloneNamespaceFlags = 0x7e020000;

const noNamespace = (index: number): SeccompArgument => ({
  index,
  value: cloneNamespaceFlags,
  valueTwo: 0,
  op: "SCMP_CMP_MASKED_EQ",
});

const personality = (value: number): SeccompRule => ({
  names: "personality",
  arg: { index: 0, value, op: "SCMP_CMP_EQ" },
});

const s390 = ["s390x"];

/** Docker's default seccomp profile: what is not allowed here fails with EPERM. */
export const seccompRules: readonly SeccompRule[] = [
  { names: allowedSyscalls },
  { names: "process_vm_readv process_vm_writev ptrace" },
  // Every address family but AF_ALG (38) and AF_VSOCK (40).
  { names: "socket", arg: { index: 0, value: 38, op: "SCMP_CMP_LT" } },
  { names: "socket", arg: { index: 0, value: 39, op: "SCMP_CMP_EQ" } },
  { names: "socket", arg: { index: 0, value: 40, op: "SCMP_CMP_GT" } },
  // PER_LINUX, PER_LINUX32, each also with UNAME26, and the question which one it is.
  personality(0),
  personality(0x8),
  personality(0x20000),
  personality(0x20008),
  personality(0xffffffff),
  { names: "sync_file_range2 swapcontext", architectures: ["ppc64le"] },
  {
    names: "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls",
    architectures: ["arm", "arm64"],
  },
  { names: "arch_prctl", architectures: ["amd64"] },
  { names: "modify_ldt", architectures: ["amd64", "386"] },
  { names: "s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr", architectures: s390 },
  { names: "riscv_flush_icache", architectures: ["riscv64"] },
  { names: "open_by_handle_at", capability: "CAP_DAC_READ_SEARCH" },
  {
    names: `bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr lsm_list_modules
      lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname
      sethostname setns syslog umount umount2 unshare`,
    capability: "CAP_SYS_ADMIN",
  },
  { names: "clone", arg: noNamespace(0), withoutCapability: "CAP_SYS_ADMIN", exceptArchitectures: s390 },
  { names: "clone", arg: noNamespace(1), withoutCapability: "CAP_SYS_ADMIN", architectures: s390 },
  // Its flags are behind a pointer; ENOSYS makes libc fall back to clone.
  { names: "clone3", errno: 38, withoutCapability: "CAP_SYS_ADMIN" },
  { names: "reboot", capability: "CAP_SYS_BOOT" },
  { names: "chroot", capability: "CAP_SYS_CHROOT" },
  { names: "delete_module init_module finit_module", capability: "CAP_SYS_MODULE" },
  { names: "acct", capability: "CAP_SYS_PACCT" },
  {
    names: "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace",
    capability: "CAP_SYS_PTRACE",
  },
  { names: "iopl ioperm", capability: "CAP_SYS_RAWIO" },
  { names: "settimeofday stime clock_settime clock_settime64", capability: "CAP_SYS_TIME" },
  { names: "vhangup", capability: "CAP_SYS_TTY_CONFIG" },
  { names: "get_mempolicy mbind set_mempolicy set_mempolicy_home_node", capability: "CAP_SYS_NICE" },
  { names: "syslog", capability: "CAP_SYSLOG" },
  { names: "bpf", capability: "CAP_BPF" },
  { names: "perf_event_open", capability: "CAP_PERFMON" },
];
