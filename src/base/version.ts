/** Set by the bundler: the commit that the bundle was made from. */
declare const BERTH_BUILD: string | undefined;

/** Version of berth, the same as in its package. */
export const version: string = "0.1.0";

/** What berth was built from; `source` when it runs unbundled. */
export const build: string = typeof BERTH_BUILD === "string" ? BERTH_BUILD : "source";
