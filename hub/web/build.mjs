// Makes the dashboard's files: node build.mjs OUTPUT, in a folder with node_modules and a link to src.
// What is bundled has its content's hash in its name, so that browsers may keep it for good; the page itself is asked for anew each time.
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { gzipSync } from "node:zlib";

import { bordersAlone, placesOfCountries } from "./world.mjs";

const output = path.resolve(process.argv[2] ?? "dist");
const folder = path.dirname(new URL(import.meta.url).pathname);
const require = createRequire(path.join(process.cwd(), "package.json"));
const { build } = require("esbuild");
const bundled = ["leaflet", "preact", "topojson-client", "uplot", "world-atlas"];

/** "world:shapes": borders for the map; "world:places": where a country's name is put, by its two letters. */
const world = {
  name: "world",
  setup(bundler) {
    bundler.onResolve({ filter: /^world:/ }, (wanted) => ({ path: wanted.path, namespace: "world" }));
    bundler.onLoad({ filter: /.*/, namespace: "world" }, async (wanted) => {
      if (wanted.path === "world:places") return { contents: JSON.stringify(placesOfCountries(require)), loader: "json" };
      return { contents: JSON.stringify(bordersAlone(require)), loader: "json" };
    });
  },
};

/** The whole of Leaflet is never bundled. */
const partsOfLeaflet = {
  name: "leaflet",
  setup(bundler) {
    bundler.onResolve({ filter: /^leaflet$/ }, () => ({ path: path.join(process.cwd(), "src", "map", "leaflet_parts.js") }));
  },
};

async function bundle() {
  const result = await build({
    entryPoints: { app: "src/main.tsx" },
    outdir: output,
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    target: ["es2022", "chrome105", "firefox110", "safari16"],
    jsx: "automatic",
    jsxImportSource: "preact",
    minify: true,
    legalComments: "none",
    preserveSymlinks: true,
    loader: { ".png": "empty" },
    plugins: [world, partsOfLeaflet],
    metafile: true,
    logLevel: "warning",
  });
  return Object.entries(result.metafile.outputs).map(([name, info]) => ({
    name: path.basename(name),
    entry: info.entryPoint ?? "",
    needs: info.imports.filter((each) => each.kind === "import-statement").map((each) => path.basename(each.path)),
  }));
}

/** The licences of what is bundled ask to be passed on. */
async function licences() {
  let text = "Parts of the dashboard come from these projects.\n";
  for (const name of bundled) {
    const home = path.join(process.cwd(), "node_modules", name);
    const { version } = JSON.parse(await readFile(path.join(home, "package.json")));
    const file = (await readdir(home)).find((each) => /^licen[cs]e/i.test(each));
    text += `\n---- ${name} ${version}\n\n${(await readFile(path.join(home, file), "utf8")).trim()}\n`;
  }
  return `${text}\n---- Natural Earth (borders): public domain\n`;
}

async function page(files) {
  const script = files.find((file) => file.entry === "src/main.tsx");
  const style = files.find((file) => file.name.endsWith(".css"));
  const html = await readFile(path.join(folder, "src", "dashboard.html"), "utf8");
  // Fetched beside the script that needs them, not after it.
  const needs = script.needs.map((name) => `\n  <link rel="modulepreload" href="/assets/${name}">`).join("");
  return html.replace("{script}", script.name).replace("{style}", style.name).replace("{needs}", needs);
}

async function pack() {
  const sizes = [];
  for (const name of (await readdir(output)).sort()) {
    const bytes = await readFile(path.join(output, name));
    const packed = gzipSync(bytes, { level: 9 });
    // Smaller ones fit into one packet anyway.
    if (bytes.length >= 1024) await writeFile(path.join(output, `${name}.gz`), packed);
    sizes.push({ name, bytes: bytes.length, packed: packed.length });
  }
  return sizes;
}

await rm(output, { recursive: true, force: true });
await mkdir(output, { recursive: true });
const files = await bundle();
await writeFile(path.join(output, "dashboard.html"), await page(files));
await writeFile(path.join(output, "favicon.svg"), await readFile(path.join(folder, "src", "favicon.svg")));
await writeFile(path.join(output, "licences.txt"), await licences());
for (const { name, bytes, packed } of await pack()) console.log(`${name}: ${bytes} bytes, ${packed} packed`);
