import { basename, dirname } from "node:path/posix";
import { setImmediate as turn } from "node:timers/promises";
import { textOf } from "../../archive/byte-string.ts";
import { BerthError } from "../../base/errors.ts";
import type { Operation } from "../../base/operation.ts";
import { version } from "../../base/version.ts";
import type { Statement } from "../../image/attestations.ts";
import { digestOf, hexOf } from "../../oci/digest.ts";
import type { MergedTree } from "../../snapshot/merged-tree.ts";
import { lockReader } from "./lock-files.ts";
import {
  apkPackages,
  type Distribution,
  distributionIn,
  dpkgPackages,
  type FoundPackage,
  pythonPackages,
} from "./package-databases.ts";

/** Most bytes of one file that names packages. */
const mostBytes = 64 << 20;

/** Most packages of an image. */
const mostPackages = 100_000;

/** Files looked at between two turns of the event loop. */
const filesPerTurn = 1000;

/** What an image's packages are told with. */
export interface SbomSubject {
  readonly tree: MergedTree;
  /** What the document is called: the image's name, or its digest. */
  readonly name: string;
  /** RFC 3339. */
  readonly created: string;
}

/**
 * The packages in a file system, by what its package managers have written down: dpkg, apk, rpm, Python, and lock files of npm,
 * Composer, Cargo, Poetry and uv.
 *
 * @see SPDX 2.3
 */
export async function sbom({ tree, name, created }: SbomSubject, operation: Operation): Promise<Statement> {
  const distribution = distributionIn(read(tree, "/etc/os-release") ?? read(tree, "/usr/lib/os-release") ?? "");
  const found = [
    ...systemPackages(tree, distribution),
    ...(await rpms(tree, distribution)),
    ...(await others(tree, operation)),
  ];
  if (found.length > mostPackages) {
    throw new BerthError(
      "invalid-argument",
      `the image has more than ${mostPackages} packages, which is the most of an SBOM`,
    );
  }
  const packages = [...new Map(found.map((each) => [`${each.url} ${each.from}`, each])).values()];
  return {
    predicateType: "https://spdx.dev/Document",
    predicate: documentOf(packages, { name, created, distribution }),
  };
}

function* systemPackages(tree: MergedTree, distribution: Distribution): Generator<FoundPackage> {
  const directory = "/var/lib/dpkg/status.d";
  const pieces = tree.readdir(directory).filter((name) => !name.endsWith(".md5sums"));
  for (const path of ["/var/lib/dpkg/status", ...pieces.map((name) => `${directory}/${name}`)]) {
    yield* dpkgPackages(read(tree, path) ?? "", path, distribution);
  }
  for (const path of ["/lib/apk/db/installed", "/usr/lib/apk/db/installed"]) {
    // The one may be a link to the other.
    if (tree.resolve(path) === path) yield* apkPackages(read(tree, path) ?? "", path, distribution);
  }
}

async function rpms(tree: MergedTree, distribution: Distribution): Promise<readonly FoundPackage[]> {
  const paths = ["/usr/lib/sysimage/rpm/rpmdb.sqlite", "/var/lib/rpm/rpmdb.sqlite"];
  const path = paths.find((each) => tree.stat(each)?.kind === "file");
  const source = path === undefined ? undefined : tree.stat(path)?.source;
  if (path === undefined || source === undefined) return [];
  const { rpmPackages } = await import("./rpm-packages.ts");
  return rpmPackages(source, path, distribution) ?? [];
}

/** What lies anywhere. */
async function others(tree: MergedTree, { signal }: Operation): Promise<readonly FoundPackage[]> {
  const found: FoundPackage[] = [];
  let files = 0;
  for (const { name, stats } of tree.walk()) {
    if (++files % filesPerTurn === 0) {
      await turn();
      signal?.throwIfAborted();
    }
    if (!stats.isFile()) continue;
    const path = `/${textOf(name)}`;
    const reader = readerOf(path);
    if (reader !== undefined) found.push(...reader(read(tree, path) ?? "", path));
  }
  return found;
}

function readerOf(path: string): ReturnType<typeof lockReader> {
  const isPython = basename(path) === "METADATA" && dirname(path).endsWith(".dist-info");
  return isPython ? pythonPackages : lockReader(basename(path));
}

/** A text file; undefined where there is none, or one that is too large. */
function read(tree: MergedTree, path: string): string | undefined {
  const file = tree.stat(path);
  if (file?.kind !== "file" || file.stats.size > mostBytes) return undefined;
  return tree.readFile(path, mostBytes).toString("utf8");
}

interface DocumentOptions {
  readonly name: string;
  readonly created: string;
  readonly distribution: Distribution;
}

function documentOf(found: readonly FoundPackage[], { name, created, distribution }: DocumentOptions): object {
  const listed = found.map((each) => ({ id: idOf(each), each }));
  const packages = [
    ...(distribution.id === "" ? [] : [systemPackage(distribution)]),
    ...listed.map(({ id, each }) => packageOf(id, each)),
  ];
  const digest = hexOf(digestOf(JSON.stringify([name, created, packages])));
  return {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name,
    documentNamespace: `https://spdx.org/spdxdocs/berth-${digest}`,
    // SPDX has no fractions of seconds.
    creationInfo: { created: created.replace(/\.\d+(?=Z|[+-])/, ""), creators: [`Tool: berth-${version}`] },
    packages,
    relationships: packages.map(({ SPDXID }) => ({
      spdxElementId: "SPDXRef-DOCUMENT",
      relatedSpdxElement: SPDXID,
      relationshipType: "DESCRIBES",
    })),
  };
}

interface SpdxPackage {
  readonly SPDXID: string;
  readonly [field: string]: unknown;
}

function systemPackage({ id, version: versionInfo }: Distribution): SpdxPackage {
  return {
    SPDXID: "SPDXRef-OperatingSystem",
    ...{ name: id, versionInfo, downloadLocation: "NOASSERTION" },
    ...{ filesAnalyzed: false, primaryPackagePurpose: "OPERATING-SYSTEM" },
  };
}

function packageOf(id: string, each: FoundPackage): SpdxPackage {
  const { name, version: versionInfo, url, from, supplier, homepage, license } = each;
  const isPerson = supplier !== undefined && / <[^>]+@[^>]+>$/.test(supplier);
  return {
    SPDXID: id,
    ...{ name, versionInfo, downloadLocation: "NOASSERTION", filesAnalyzed: false, sourceInfo: `told by ${from}` },
    ...(supplier === undefined
      ? {}
      : { supplier: `${isPerson ? "Person" : "Organization"}: ${withoutAngles(supplier)}` }),
    ...(homepage === undefined || !/^https?:\/\/\S+$/.test(homepage) ? {} : { homepage }),
    // Packages have licenses in forms of their own, which needn't be SPDX's.
    ...{ licenseConcluded: "NOASSERTION", licenseDeclared: "NOASSERTION", copyrightText: "NOASSERTION" },
    ...(license === undefined ? {} : { licenseComments: license }),
    externalRefs: [{ referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: url }],
  };
}

/** `Name <address>` as SPDX has it. */
function withoutAngles(supplier: string): string {
  return supplier.replace(/ <([^>]+)>$/, " ($1)");
}

function idOf({ name, url, from }: FoundPackage): string {
  const words = name.replaceAll(/[^A-Za-z0-9.-]+/g, "-");
  return `SPDXRef-Package-${words}-${hexOf(digestOf(`${url} ${from}`)).slice(0, 16)}`;
}
