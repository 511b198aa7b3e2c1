// Builds collab/static/vendor from the pinned packages: one ES module per package, every
// import between them left bare for the page's import map, so that each exists once.
import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const vendor = dirname(here);

/** What a page can import by its bare name, and the packages that are folded into each file. */
const BUNDLES = {
  "@codemirror/autocomplete": [],
  "@codemirror/commands": [],
  "@codemirror/language": [],
  "@codemirror/search": [],
  "@codemirror/state": [],
  "@codemirror/streamparser": [],
  "@codemirror/view": [],
  "@lezer/common": [],
  "@lezer/highlight": [],
  "@lezer/lr": [],
  "@marijn/find-cluster-break": [],
  crelt: [],
  idb: [],
  "quill-delta": ["fast-diff", "lodash.clonedeep", "lodash.isequal"],
  "style-mod": [],
  "w3c-keyname": [],
};

/** Packages written as CommonJS: what their module offers has to be named. */
const ENTRIES = {
  "quill-delta": `
    import Delta from "quill-delta";
    const { Op, OpIterator, AttributeMap } = Delta;
    export { Delta, Op, OpIterator, AttributeMap };
    export default Delta;
  `,
};

const fileOf = (name) => name.replace(/^@/, "").replaceAll("/", "-") + ".js";
const folderOf = (name) => join(here, "node_modules", name);

async function described(name) {
  const { version, license } = JSON.parse(
    await readFile(join(folderOf(name), "package.json"), "utf8"),
  );
  const text = (await readdir(folderOf(name))).find((file) => /^licen[cs]e/i.test(file));
  const licenceFile = `LICENSES/${fileOf(name).slice(0, -3)}.txt`;
  if (text) await copyFile(join(folderOf(name), text), join(vendor, licenceFile));
  return { name, version, licence: license, ...(text ? { licenceFile } : {}) };
}

await rm(join(vendor, "LICENSES"), { recursive: true, force: true });
await mkdir(join(vendor, "LICENSES"));

const packages = [];
const imports = {};
for (const [name, folded] of Object.entries(BUNDLES)) {
  const file = fileOf(name);
  const own = await described(name);
  await build({
    ...(ENTRIES[name]
      ? { stdin: { contents: ENTRIES[name], resolveDir: here } }
      : { entryPoints: [name], absWorkingDir: here }),
    outfile: join(vendor, file),
    bundle: true,
    format: "esm",
    minify: true,
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    banner: { js: `// ${name} ${own.version}, ${own.licence}: see LICENSES and manifest.json` },
    external: Object.keys(BUNDLES).filter((other) => other !== name),
    logLevel: "warning",
  });
  const sha256 = createHash("sha256").update(await readFile(join(vendor, file))).digest("hex");
  packages.push({ ...own, file, sha256, bundles: await Promise.all(folded.map(described)) });
  imports[name] = file;
}
await writeFile(
  join(vendor, "manifest.json"),
  JSON.stringify({ imports, packages }, null, 2) + "\n",
);
