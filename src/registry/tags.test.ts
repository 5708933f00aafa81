import { expect, onTestFinished, test } from "vitest";
import { openScriptedRegistry, type ScriptedRegistry } from "../../test/support/registry.ts";
import { repositoryOfTest } from "./testing.ts";

/** A registry whose lists of tags are answered by a function of the query. */
async function listing(
  answer: (query: URLSearchParams) => { readonly tags: unknown; readonly link?: string },
): Promise<ScriptedRegistry> {
  const registry = await openScriptedRegistry((request, response) => {
    if (request.url === "/v2/") return void response.end();
    const { tags, link } = answer(new URL(request.url ?? "", "http://x").searchParams);
    response.writeHead(200, { "content-type": "application/json", ...(link === undefined ? {} : { link }) });
    response.end(JSON.stringify({ name: "app", tags }));
  });
  onTestFinished(() => registry[Symbol.asyncDispose]());
  return registry;
}

const all = async ({ host }: ScriptedRegistry): Promise<readonly string[]> =>
  await Array.fromAsync(repositoryOfTest(host).tags());
const lists = ({ requests }: ScriptedRegistry): number => requests.filter(({ path }) => path !== "/v2/").length;

test("pages are followed by what they link to", async () => {
  const registry = await listing((query) => {
    const page = Number(query.get("page") ?? 1);
    return { tags: [`v${page}`], ...(page < 3 ? { link: `</v2/app/tags/list?page=${page + 1}>; rel="next"` } : {}) };
  });
  expect(await all(registry)).toEqual(["v1", "v2", "v3"]);
});

test("a full page without a link is followed from behind its last tag", async () => {
  const tags = Array.from({ length: 2500 }, (_, n) => `v${String(n).padStart(4, "0")}`);
  const registry = await listing((query) => {
    const rest = tags.filter((tag) => tag > (query.get("last") ?? ""));
    return { tags: rest.slice(0, Number(query.get("n"))) };
  });
  expect(await all(registry)).toEqual(tags);
  expect(lists(registry)).toBe(3);
});

test("a registry that links to what it gave before, or to itself, ends", async () => {
  const registry = await listing((query) => ({
    tags: ["v1"],
    link: `</v2/app/tags/list?n=${Number(query.get("n")) + 1}>; rel=next`,
  }));
  expect(await all(registry)).toEqual(["v1"]);
  expect(lists(registry)).toBe(2);
});

test("a page without tags that links on isn't the last, and pages that link in a circle end", async () => {
  const pages: readonly (readonly string[])[] = [["v1"], [], ["v2"], []];
  const registry = await listing((query) => {
    const page = Number(query.get("page") ?? 0);
    return { tags: pages[page], link: `</v2/app/tags/list?page=${page === 3 ? 1 : page + 1}>; rel=next` };
  });
  expect(await all(registry)).toEqual(["v1", "v2"]);
  expect(lists(registry)).toBe(4);
});

test.each(["<html>Sign in</html>", '{"name":"app","tags":["v1"', "", "[]", "null"])(
  "%j is no list of tags",
  async (body) => {
    const registry = await openScriptedRegistry((_, response) => void response.writeHead(200).end(body));
    onTestFinished(() => registry[Symbol.asyncDispose]());
    await expect(all(registry)).rejects.toMatchObject({ kind: "data-loss" });
  },
);

test("a link to another server is not followed", async () => {
  const other = await listing(() => ({ tags: ["stolen"] }));
  const registry = await listing(() => ({ tags: ["v1"], link: `<${other.url}/v2/app/tags/list>; rel="next"` }));
  expect(await all(registry)).toEqual(["v1"]);
  expect(other.requests).toEqual([]);
});

test.each([[null], [[]]])("a repository without tags has %j", async (tags) => {
  expect(await all(await listing(() => ({ tags })))).toEqual([]);
});

test.each([["v1"], [[1]], [["../up"]], [["\u001b[31m"]]])("%j is no list of tags", async (tags) => {
  await expect(all(await listing(() => ({ tags })))).rejects.toMatchObject({ kind: "data-loss" });
});
