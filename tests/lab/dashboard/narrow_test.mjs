// Names as long as the hub takes them, and what a phone shows of them.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { axeFindings, fitsIn, hubBinary, isLive, openBrowser, openPage, settled } from "./browser.mjs";
import { finding, healthy } from "./clients.mjs";
import { flowAnswers } from "./flows.mjs";
import { Hub } from "./hub.mjs";

const name = "client-".repeat(15).slice(0, 100);
const group = "g".repeat(64);

let hub;
let browser;

before(async () => {
  hub = await Hub.start(hubBinary);
  browser = await openBrowser();
  const findings = [finding("ipv6_outside", "danger", { device: "eth0" })];
  await hub.report(name, healthy(0, { group, tags: ["t".repeat(32)], state: "danger", findings }));
});

after(async () => {
  await browser?.close();
  await hub?.stop();
});

test("no name is so long that a page becomes wider than a phone", async () => {
  const wrong = [];
  for (const colorScheme of ["light", "dark"]) {
    const { page, close } = await openPage(browser, hub.page, { width: 360, height: 780, colorScheme, expected: /404/ });
    for (const hash of [
      "#/",
      `#/clients/${name}`,
      `#/clients/group%3A${group}`,
      "#/incidents",
      `#/incidents?client=${name}`,
      `#/incidents/${name}/1`,
      "#/connections",
      "#/reliability",
      "#/wall",
    ]) {
      await page.goto(hub.page + hash);
      await page.locator("main[data-live=yes], #connection[data-live=yes]").waitFor();
      await settled(page);
      const wide = () => page.evaluate(() => document.documentElement.scrollWidth);
      await fitsIn(page, 360, 5000).catch(async () => wrong.push(`${hash} is ${await wide()} px wide`));
      wrong.push(...(await axeFindings(page)).map((each) => `${hash} ${colorScheme}: ${each}`));
    }
    await close();
  }
  assert.deepEqual(wrong, []);
});

test("a long name of a group leaves room for the search and the layout beside it", async () => {
  const { page, close } = await openPage(browser, hub.page);
  await isLive(page);
  const box = (locator) => locator.boundingBox();
  const search = await box(page.getByPlaceholder(/^Search/));
  const tiles = await box(page.getByRole("button", { name: "Tiles" }));
  assert.ok(search.width >= 260, `the search is ${search.width} px wide`);
  assert.ok(tiles.y < search.y + search.height, "the layout stands in a row of its own");
  await close();
});

test("a phone shows where connections go without a table that must be pushed aside", async () => {
  const { page, close } = await openPage(browser, hub.page, { width: 360, height: 780 });
  await page.route("**/api/v1/connections/**", (route) => route.fulfill({ json: flowAnswers(route.request().url()) }));
  await page.goto(`${hub.page}#/connections`);
  const table = page.getByRole("region", { name: "Connections, a table" });
  await table.getByText("203.0.113.80").waitFor();
  const [wide, room] = await table.evaluate((each) => [each.scrollWidth, each.clientWidth]);
  assert.ok(wide <= room, `the table is ${wide} px wide in ${room}`);
  assert.equal(await table.getByRole("cell", { name: /203\.0\.113\.80/ }).count(), 1);
  assert.deepEqual(await axeFindings(page), []);
  await close();
});
