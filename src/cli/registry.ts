import { builderFlags } from "./flags/builder.ts";
import type { Entry, Group } from "./group.ts";

const attach: Entry = {
  summary: "Attach local standard input, output, and error streams to a running container",
  load: () => import("./commands/attach.ts"),
};
const bake: Entry = {
  summary: "Build from a file",
  load: () => import("./commands/bake.ts"),
};
const build: Entry = {
  summary: "Build an image from a Dockerfile",
  load: () => import("./commands/build.ts"),
};
const buildsLs: Entry = { summary: "List build records", load: () => import("./commands/builds-ls.ts") };
const commit: Entry = {
  summary: "Create a new image from a container's changes",
  load: () => import("./commands/commit.ts"),
};
const copy: Entry = {
  summary: "Copy an image between registries, archives, layouts and the store",
  load: () => import("./commands/copy.ts"),
};
const create: Entry = { summary: "Create a new container", load: () => import("./commands/create.ts") };
const diff: Entry = {
  summary: "Inspect changes to files or directories on a container's filesystem",
  load: () => import("./commands/diff.ts"),
};
const exec: Entry = {
  summary: "Execute a command in a running container",
  load: () => import("./commands/exec.ts"),
};
const exportContainer: Entry = {
  summary: "Export a container's filesystem as a tar archive",
  load: () => import("./commands/export.ts"),
};
const history: Entry = { summary: "Show the history of an image", load: () => import("./commands/history.ts") };
const images: Entry = { summary: "List images", load: () => import("./commands/images.ts") };
const importImage: Entry = {
  summary: "Import the contents from a tarball to create a filesystem image",
  load: () => import("./commands/import.ts"),
};
const info: Entry = { summary: "Display system-wide information", load: () => import("./commands/info.ts") };
const kill: Entry = {
  summary: "Kill one or more running containers",
  load: () => import("./commands/kill.ts"),
};
const load: Entry = {
  summary: "Load an image from a tar archive or STDIN",
  load: () => import("./commands/load.ts"),
};
const login: Entry = { summary: "Authenticate to a registry", load: () => import("./commands/login.ts") };
const logout: Entry = { summary: "Log out from a registry", load: () => import("./commands/logout.ts") };
const logs: Entry = { summary: "Fetch the logs of a container", load: () => import("./commands/logs.ts") };
const ps: Entry = { summary: "List containers", load: () => import("./commands/ps.ts") };
const lsTags: Entry = { summary: "List the tags of a repository", load: () => import("./commands/ls-tags.ts") };
const pull: Entry = {
  summary: "Download an image from a registry",
  load: () => import("./commands/pull.ts"),
};
const push: Entry = { summary: "Upload an image to a registry", load: () => import("./commands/push.ts") };
const restart: Entry = {
  summary: "Restart one or more containers",
  load: () => import("./commands/restart.ts"),
};
const rm: Entry = { summary: "Remove one or more containers", load: () => import("./commands/rm.ts") };
const rmi: Entry = { summary: "Remove one or more images", load: () => import("./commands/rmi.ts") };
const run: Entry = {
  summary: "Create and run a new container from an image",
  load: () => import("./commands/run.ts"),
};
const save: Entry = {
  summary: "Save one or more images to a tar archive (streamed to STDOUT by default)",
  load: () => import("./commands/save.ts"),
};
const start: Entry = {
  summary: "Start one or more stopped containers",
  load: () => import("./commands/start.ts"),
};
const stop: Entry = {
  summary: "Stop one or more running containers",
  load: () => import("./commands/stop.ts"),
};
const tag: Entry = {
  summary: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
  load: () => import("./commands/tag.ts"),
};
const why: Entry = { summary: "Say why the steps of a build ran", load: () => import("./commands/why.ts") };
const wait: Entry = {
  summary: "Block until one or more containers stop, then print their exit codes",
  load: () => import("./commands/wait.ts"),
};

/** Commands about builds that `berth build` takes as its first word, too. */
export const buildVerbs: Readonly<Record<string, Entry>> = {
  retry: {
    summary: "Run the command of a failed build step again in what it has left",
    load: () => import("./commands/build-retry.ts"),
  },
  shell: {
    summary:
      "Open a shell, or run a command, in a step of an earlier build: a failed one as it was left, another as it began",
    load: () => import("./commands/build-shell.ts"),
  },
};

const builderDu: Entry = { summary: "Show what the build cache takes", load: () => import("./commands/builder-du.ts") };
const builderPrune: Entry = { summary: "Remove build cache", load: () => import("./commands/builder-prune.ts") };
const oneBuilder = "berth has one builder, itself";

/** Commands that need a group's name in front. */
export const groups: Readonly<Record<string, Group>> = {
  builder: {
    summary: "Manage builds",
    commands: {
      build,
      du: builderDu,
      prune: builderPrune,
      ...buildVerbs,
    },
    synonyms: {},
  },
  buildx: {
    summary: "The commands of Docker's buildx",
    commands: {
      bake,
      build,
      du: builderDu,
      inspect: { summary: "Inspect the builder", load: () => import("./commands/buildx-inspect.ts") },
      ls: { summary: "List builder instances", load: () => import("./commands/buildx-ls.ts") },
      prune: builderPrune,
      use: { summary: "Set the current builder instance", load: () => import("./commands/buildx-use.ts") },
      version: { summary: "Show version information", load: () => import("./commands/buildx-version.ts") },
    },
    synonyms: { b: "build", f: "bake" },
    groups: { history: "builds", imagetools: "imagetools" },
    flags: builderFlags,
    refused: {
      create: { why: oneBuilder, hint: "Leave `buildx create` out: nothing has to be made before a build." },
      "dial-stdio": { why: `${oneBuilder}, and no daemon that could be connected to` },
      rm: { why: `${oneBuilder}, which stays`, hint: "`berth buildx prune` empties its cache." },
      stop: { why: `${oneBuilder}, which doesn't run between builds` },
    },
  },
  builds: {
    summary: "Look at earlier builds",
    commands: {
      export: { summary: "Export build records as an archive", load: () => import("./commands/builds-export.ts") },
      import: {
        summary: "Import build records that were exported elsewhere",
        load: () => import("./commands/builds-import.ts"),
      },
      inspect: { summary: "Inspect a build record", load: () => import("./commands/builds-inspect.ts") },
      logs: { summary: "Print the logs of a build record", load: () => import("./commands/builds-logs.ts") },
      ls: buildsLs,
      rm: { summary: "Remove build records", load: () => import("./commands/builds-rm.ts") },
      timeline: {
        summary: "Write a page with a bar for every step of a build",
        load: () => import("./commands/builds-timeline.ts"),
      },
    },
    synonyms: { list: "ls", remove: "rm" },
    alone: buildsLs,
    refused: {
      open: {
        why: "there is no Docker Desktop to open a build record in",
        hint: "`berth builds timeline -o FILE.html` writes a page of a build; `berth builds export` what Docker Desktop imports.",
      },
      trace: {
        why: "no traces of builds are recorded",
        hint: "`berth builds timeline -o FILE.html` shows where the time went.",
      },
      "inspect attachment": {
        why: "build records have no attachments: what is said of an image lies beside it",
        hint: "`berth imagetools inspect --format '{{json .Provenance}}' IMAGE` shows it.",
      },
    },
  },
  cache: {
    summary: "Serve and manage the pull-through cache for registries",
    commands: {
      ls: { summary: "List the manifests that the cache keeps", load: () => import("./commands/cache-ls.ts") },
      prune: { summary: "Remove what the cache keeps", load: () => import("./commands/cache-prune.ts") },
      serve: {
        summary: "Serve a registry that keeps what passes through",
        load: () => import("./commands/cache-serve.ts"),
      },
    },
    synonyms: { list: "ls" },
  },
  container: {
    summary: "Manage containers",
    commands: {
      attach,
      commit,
      create,
      diff,
      exec,
      export: exportContainer,
      inspect: {
        summary: "Display detailed information on one or more containers",
        load: () => import("./commands/container-inspect.ts"),
      },
      kill,
      logs,
      ls: ps,
      prune: { summary: "Remove all stopped containers", load: () => import("./commands/container-prune.ts") },
      restart,
      rm,
      run,
      start,
      stop,
      wait,
    },
    synonyms: { list: "ls", ps: "ls", remove: "rm" },
  },
  context: {
    summary: "Look at build contexts",
    commands: {
      ls: {
        summary: "List what a build context sends, or why it doesn't",
        load: () => import("./commands/context-ls.ts"),
      },
    },
    synonyms: { list: "ls" },
  },
  image: {
    summary: "Manage images",
    commands: {
      build,
      copy,
      diff: {
        summary: "Show how the files and the configuration of two images differ",
        load: () => import("./commands/image-diff.ts"),
      },
      digest: {
        summary: "Show the digest that an image has in a registry, before it is pushed",
        load: () => import("./commands/image-digest.ts"),
      },
      explore: {
        summary: "Show what each layer of an image adds, changes and deletes",
        load: () => import("./commands/image-explore.ts"),
      },
      history,
      import: importImage,
      inspect: {
        summary: "Display detailed information on one or more images",
        load: () => import("./commands/image-inspect.ts"),
      },
      lint: {
        summary: "Look for secrets in an image, and for bytes that a layer has again",
        load: () => import("./commands/image-lint.ts"),
      },
      load,
      ls: images,
      prune: { summary: "Remove unused images", load: () => import("./commands/image-prune.ts") },
      pull,
      push,
      rm: rmi,
      save,
      tag,
      tree: {
        summary: "Show which images share which layers",
        load: () => import("./commands/image-tree.ts"),
      },
    },
    synonyms: { list: "ls", remove: "rm" },
  },
  imagetools: {
    summary: "Commands to work on images in registry",
    commands: {
      create: {
        summary: "Create a new image based on source images",
        load: () => import("./commands/imagetools-create.ts"),
      },
      inspect: {
        summary: "Show details of an image in the registry",
        load: () => import("./commands/imagetools-inspect.ts"),
      },
    },
    synonyms: {},
  },
  manifest: {
    summary: "Manage image manifests and manifest lists",
    commands: {
      annotate: {
        summary: "Add additional information to a local image manifest",
        load: () => import("./commands/manifest-annotate.ts"),
      },
      create: {
        summary: "Create a local manifest list for annotating and pushing to a registry",
        load: () => import("./commands/manifest-create.ts"),
      },
      inspect: {
        summary: "Display an image manifest, or manifest list",
        load: () => import("./commands/manifest-inspect.ts"),
      },
      push: { summary: "Push a manifest list to a repository", load: () => import("./commands/manifest-push.ts") },
      rm: {
        summary: "Delete one or more manifest lists from local storage",
        load: () => import("./commands/manifest-rm.ts"),
      },
    },
    synonyms: {},
  },
  system: {
    summary: "Manage berth",
    commands: {
      check: {
        summary: "Check the store, and mend what is wrong with it",
        load: () => import("./commands/system-check.ts"),
      },
      df: { summary: "Show disk usage", load: () => import("./commands/system-df.ts") },
      info,
      prune: { summary: "Remove unused data", load: () => import("./commands/system-prune.ts") },
    },
    synonyms: {},
  },
};

/** The commands that the overview names first. */
export const commonCommands: readonly string[] = [
  "run",
  "exec",
  "ps",
  "build",
  "pull",
  "push",
  "images",
  "login",
  "logout",
  "version",
  "info",
];

/** Commands that stand alone. */
export const topLevel: Readonly<Record<string, Entry>> = {
  attach,
  bake,
  build,
  commit,
  copy,
  create,
  diff,
  doctor: {
    summary: "Show what this machine offers, what is missing and what mends it",
    load: () => import("./commands/doctor.ts"),
  },
  exec,
  export: exportContainer,
  history,
  images,
  import: importImage,
  info,
  inspect: {
    summary: "Return low-level information on Docker objects",
    load: () => import("./commands/inspect.ts"),
  },
  kill,
  load,
  login,
  logout,
  logs,
  "ls-tags": lsTags,
  ps,
  pull,
  push,
  restart,
  rm,
  rmi,
  run,
  save,
  search: { summary: "Search Docker Hub for images", load: () => import("./commands/search.ts") },
  start,
  stop,
  tag,
  verify: {
    summary: "Build an image again under other conditions, and show the first difference",
    load: () => import("./commands/verify.ts"),
  },
  version: { summary: "Show the berth version information", load: () => import("./commands/version.ts") },
  wait,
  why,
};

/** Commands that berth itself calls; no overview shows them. */
export const internalCommands: Readonly<Record<string, Entry>> = {
  "internal-exited": {
    summary: "Settle a container that has ended",
    load: () => import("./commands/internal-exited.ts"),
  },
  "internal-lazy": {
    summary: "Serve an image's layers while they are pulled",
    load: () => import("./commands/internal-lazy.ts"),
  },
};

/** Every way to call a command, as the help lists them: `berth container ls, berth container list, berth ps`. */
export function pathsOf(entry: Entry): readonly string[] {
  const inGroups = Object.entries(groups).flatMap(([group, { commands, synonyms, alone: whole }]) => {
    const name = Object.keys(commands).find((each) => commands[each] === entry);
    if (name === undefined) return [];
    const others = Object.keys(synonyms).filter((each) => synonyms[each] === name);
    const paths = [name, ...others].map((each) => `berth ${group} ${each}`);
    return whole === entry ? [...paths, `berth ${group}`] : paths;
  });
  const verbs = Object.keys(buildVerbs).filter((each) => buildVerbs[each] === entry);
  const alone = Object.keys(topLevel).filter((each) => topLevel[each] === entry);
  return [...inGroups, ...verbs.map((each) => `berth build ${each}`), ...alone.map((each) => `berth ${each}`)];
}
