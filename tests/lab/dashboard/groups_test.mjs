// What the page says of groups beside their clients.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { axeFindings, fitsIn, hubBinary, isLive, isTitled, openBrowser, openPage } from "./browser.mjs";
import { finding, healthy } from "./clients.mjs";
import { Hub } from "./hub.mjs";

let hub;
let browser;

const exposed = (place) =>
  healthy(place, { group: "gg", state: "danger", findings: [finding("ipv6_outside", "danger", { device: "eth0" })] });

before(async () => {
  hub = await Hub.start(hubBinary);
  browser = await openBrowser();
});

after(async () => {
  await browser?.close();
  await hub?.stop();
});

test("two clients in danger in a group of their own are two, in the headline, the title and the cards", async () => {
  await hub.report("a1", healthy(0));
  for (const id of ["a2", "a3"]) await hub.report(id, healthy(1, { group: "gg" }));
  const { page, close } = await openPage(browser, hub.page);
  await isLive(page);
  await page.locator(".verdict[data-state=secure]", { hasText: "All 3 clients are secure." }).waitFor();
  for (const id of ["a2", "a3"]) await hub.report(id, exposed(1));
  await page.locator(".verdict[data-state=danger]", { hasText: /2 clients are exposed: a2, a3$/ }).waitFor();
  await isTitled(page, /^2 danger/);
  const cards = await page.locator("#totals .card").allInnerTexts();
  const told = cards.map((each) => each.replace(/\s+/g, " "));
  assert.deepEqual(told.slice(0, 2), ["3 Total + 1 group", "1 ✓ Secure"]);
  assert.ok(told.includes("2 ✕ Danger + 1 group"), told.join());
  await page.getByRole("button", { name: "Danger" }).click();
  await page.getByText("3 of 4 shown").waitFor();
  for (const width of [360, 1280]) {
    await page.setViewportSize({ width, height: 780 });
    await fitsIn(page, width);
    assert.deepEqual(await axeFindings(page), [], `at ${width} px`);
  }
  await page.goto(`${hub.page}#/wall`);
  await page.locator(".verdict", { hasText: /2 clients are exposed: a2, a3$/ }).waitFor();
  await close();
});
