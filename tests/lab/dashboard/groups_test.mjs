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

test("a member is never greener in its group than it is itself, also when the group's message says so", async () => {
  await hub.report("a1", healthy(0));
  for (const id of ["a2", "a3"]) await hub.report(id, exposed(1));
  const { page, close } = await openPage(browser, hub.page);
  // The group as it was told before its members changed.
  const late = (client) => ({ ...client, members: client.members?.map((member) => ({ ...member, state: "secure" })) });
  await page.routeWebSocket(/\/live$/, (socket) => {
    const server = socket.connectToServer();
    server.onMessage((text) => {
      const message = JSON.parse(text);
      if (message.clients) message.clients = message.clients.map(late);
      if (message.client) message.client = late(message.client);
      socket.send(JSON.stringify(message));
    });
  });
  await page.reload();
  await isLive(page);
  const row = page.locator("#clients > *", { hasText: "Rule:" });
  const members = async () => (await row.locator(".member").allInnerTexts()).slice(1);
  assert.deepEqual(await members(), ["a2: Danger", "a3: Danger"]);
  await hub.report("a2", healthy(1, { group: "gg" }));
  await row.getByText("a2: Secure").waitFor();
  await hub.report("a2", exposed(1));
  await row.getByText("a2: Danger").waitFor();
  await page.goto(`${hub.page}#/clients/group%3Agg`);
  for (const id of ["a2", "a3"]) await page.locator(".members li", { hasText: id }).locator(".light[data-state=danger]").waitFor();
  assert.equal(await page.locator(".members .light[data-state=secure]").count(), 0);
  await close();
});
