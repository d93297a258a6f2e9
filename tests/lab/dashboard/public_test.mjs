// What everybody may see: the status page. And what the hub knows of itself.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { axeFindings, fitsIn, hubBinary, isLive, openBrowser, openPage } from "./browser.mjs";
import { finding, healthy } from "./clients.mjs";
import { Hub, ownAddress, startServices } from "./hub.mjs";

const admin = "anna";
const password = "correct horse 42";

let services;
let hub;
let browser;

before(async () => {
  services = await startServices();
  hub = await Hub.start(hubBinary, {
    VPN_SENTINEL_ADMIN_USER: admin,
    VPN_SENTINEL_ADMIN_PASSWORD: password,
    VPN_SENTINEL_STATUS_PAGE: "nas=The <b>store</b> room,office-*,never-seen",
    VPN_SENTINEL_STATUS_PAGE_TITLE: "Our connections",
    ...services.settings,
  });
  browser = await openBrowser();
  for (const [place, id] of ["nas", "office-1", "office-2", "secret"].entries()) await hub.report(id, healthy(place));
});

after(async () => {
  await browser?.close();
  await hub?.stop();
  services?.close();
});

const statusPage = () => hub.page.replace("/dashboard", "/status-page");
const lines = (page) => page.locator("#list li");

test("the status page has names and states of who was picked, for everybody, and nothing else", async () => {
  const { page, close } = await openPage(browser, statusPage());
  await page.getByRole("heading", { name: "Our connections" }).waitFor();
  assert.deepEqual(await lines(page).locator(".name").allTextContents(), ["The <b>store</b> room", "office-1", "office-2", "never-seen"]);
  await page.locator("#overall").getByText("1 of 4 is never heard of.").waitFor();
  const html = await page.content();
  for (const hidden of ["secret", "198.51.100", "127.0.0.1", "Example", "Bucharest"]) assert.ok(!html.includes(hidden), hidden);
  const told = await (await fetch(`${statusPage()}.json`)).json();
  assert.deepEqual(told.clients[1], { name: "office-1", state: "secure" });
  assert.equal((await fetch(hub.page.replace("/dashboard", "/api/v1/clients"))).status, 401);
  assert.equal((await fetch(`http://127.0.0.1:${hub.apiPort}/status-page.json`)).status, 200);
  await close();
});

test("the status page follows what happens, in the viewer's time, and says when it does not any more", async () => {
  const { page, close } = await openPage(browser, statusPage(), { expected: /ERR_|Failed to load/ });
  await page.clock.install();
  await page.reload();
  await page.locator("#asked time").waitFor();
  assert.doesNotMatch(await page.locator("time").textContent(), /\d{4}-\d\d-\d\d/);
  await hub.report("office-2", healthy(2, { state: "danger", findings: [finding("ipv6_outside", "danger")] }));
  await page.clock.fastForward(31_000);
  await page.locator("#overall[data-state=danger]").getByText("1 of 4 is not protected.").waitFor();
  assert.equal(await page.locator("#late").isVisible(), false);
  await hub.report("office-2", healthy(2));
  await page.clock.fastForward(31_000);
  await page.locator("#overall[data-state=unknown]").waitFor();
  await page.route("**/status-page?whole", (route) => route.abort());
  await page.clock.fastForward(31_000);
  await page.getByText("Not live: no answer.").waitFor();
  await page.unroute("**/status-page?whole");
  await page.clock.fastForward(31_000);
  await page.locator("#late").waitFor({ state: "hidden" });
  await close();
});

test("a status page that slept, or that Back brings again, claims nothing old, and asks at once and once", async () => {
  const { page, close } = await openPage(browser, statusPage(), { expected: /ERR_|Failed to load/ });
  await page.clock.install();
  await page.reload();
  await page.locator("#overall[data-state=unknown]").waitFor();
  let asked = 0;
  let let_go;
  let held;
  await page.route("**/status-page?whole", (route) => {
    ++asked;
    return held.then(() => route.continue());
  });
  const wakings = {
    "a second later": () => page.clock.runFor(1000),
    "Back": () => page.evaluate(() => void dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }))),
    "a look at it": () => page.evaluate(() => void document.dispatchEvent(new Event("visibilitychange"))),
  };
  for (const [how, wake] of Object.entries(wakings)) {
    held = new Promise((done) => (let_go = done));
    asked = 0;
    const now = await page.evaluate(() => Date.now());
    await page.clock.pauseAt(now + 100);
    await page.clock.setSystemTime(now + 3_600_000);
    assert.equal(await page.locator("#late").isVisible(), false, how);
    await wake();
    await page.getByText("Not live: no answer.").waitFor({ timeout: 5000 });
    assert.equal(await page.locator("[data-state]:not([data-state=offline])").count(), 0, how);
    let_go();
    await page.locator("#overall[data-state=unknown]").waitFor({ timeout: 5000 });
    assert.equal(asked, 1, how);
    await page.clock.fastForward(31_000);
    await page.clock.runFor(1000);
    await page.locator("#late").waitFor({ state: "hidden" });
    assert.equal(asked, 2, `${how}: one loop`);
    await page.clock.resume();
  }
  await close();
});

test("when the hub has ended nobody stands on the status page as protected, until it is back", async () => {
  const own = await Hub.start(hubBinary, { VPN_SENTINEL_STATUS_PAGE: "nas,cellar" });
  try {
    for (const [place, id] of ["nas", "cellar"].entries()) await own.report(id, healthy(place));
    const { page, close } = await openPage(browser, own.page.replace("/dashboard", "/status-page"), { expected: /ERR_|Failed to load/ });
    await page.clock.install();
    await page.reload();
    await page.locator("#overall[data-state=secure]").getByText("All are protected.").waitFor();
    await own.end();
    await page.clock.fastForward(31_000);
    await page.getByText("Not live: no answer.").waitFor();
    assert.equal(await page.locator("[data-state]:not([data-state=offline])").count(), 0);
    assert.doesNotMatch(await page.locator("main").innerText(), /protected|✓/i);
    await page.locator("#overall").getByText("Not known now.").waitFor();
    assert.deepEqual(await lines(page).locator(".state").allTextContents(), ["Not known now", "Not known now"]);
    assert.deepEqual(await axeFindings(page), []);
    await own.launch();
    await page.clock.fastForward(31_000);
    await page.locator("#overall[data-state=secure]").getByText("All are protected.").waitFor();
    assert.equal(await page.locator("#late").isVisible(), false);
    assert.equal(await lines(page).getByText("✓ Protected").count(), 2);
    await close();
  } finally {
    await own.stop();
  }
});

test("the status page fits a small phone, axe-core finds nothing in either theme, and it is whole without its script", async () => {
  const wrong = [];
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [360, 1280]) {
      const { page, close } = await openPage(browser, statusPage(), { width, height: 780, colorScheme });
      await fitsIn(page, width);
      wrong.push(...(await axeFindings(page)).map((each) => `${width} px ${colorScheme}: ${each}`));
      await close();
    }
  }
  assert.deepEqual(wrong, []);
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(statusPage());
  await page.getByText(" UTC").waitFor();
  await page.getByText("1 of 4 is never heard of.").waitFor();
  assert.equal(await page.getByRole("link", { name: "Show it without JavaScript" }).count(), 0);
  assert.equal(await lines(page).count(), 4);
  assert.equal(await page.locator("meta[http-equiv=refresh]").getAttribute("content"), "30");
  await context.close();
});

test("while its script has not told anything the status page claims nothing", async () => {
  const { page, close } = await openPage(browser, `${statusPage()}.css`, { expected: /ERR_|Failed to load/ });
  await page.route("**/status-page.js", (route) => route.abort());
  await page.goto(statusPage());
  await page.getByText("Not known yet.").waitFor();
  assert.equal(await lines(page).count(), 4);
  assert.equal(await page.locator("[data-state]:not([data-state=offline])").count(), 0);
  assert.doesNotMatch(await page.locator("main").innerText(), /protected|✓|As of/i);
  assert.deepEqual(await axeFindings(page), []);
  await page.unroute("**/status-page.js");
  let let_go;
  const held = new Promise((done) => (let_go = done));
  await page.route("**/status-page?whole", (route) => held.then(() => route.continue()));
  const asked = page.waitForRequest("**/status-page?whole");
  await page.reload();
  await asked;
  await page.getByText("Not known yet.").waitFor();
  assert.equal(await page.locator("[data-state]:not([data-state=offline])").count(), 0);
  let_go();
  await lines(page).getByText("✓ Protected").first().waitFor();
  await close();
});

test("without the setting there is no such page", async () => {
  const other = await Hub.start(hubBinary);
  try {
    for (const path of ["/status-page", "/status-page.json", "/status-page.js"])
      assert.equal((await fetch(other.page.replace("/dashboard", path))).status, 404, path);
  } finally {
    await other.stop();
  }
});

test("the overview tells where the hub itself is, and its page more of it", async () => {
  const { page, close } = await openPage(browser, hub.page, { expected: /401/ });
  await page.getByLabel("User", { exact: true }).fill(admin);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByLabel("Password", { exact: true }).press("Enter");
  await isLive(page);
  const line = page.locator("#this-hub");
  for (const text of [ownAddress, "Bucharest, Romania", "AS64500 Example Transit", "is not asked"]) await line.getByText(text).waitFor();
  assert.equal(await line.getByText("no answer now").count(), 0);
  await page.route("**/api/v1/hub", async (route) => {
    const answer = await route.fetch();
    const told = await answer.json();
    await route.fulfill({ response: answer, json: { ...told, exit: { ...told.exit, problem: "nobody answers" } } });
  });
  await page.reload();
  await line.getByText(ownAddress).waitFor();
  await line.getByText("no answer now: nobody answers").waitFor();
  await page.unroute("**/api/v1/hub");
  const warning = "The dashboard is reached from other machines by plain HTTP";
  await page.route("**/api/v1/hub", async (route) => {
    const answer = await route.fetch();
    const told = await answer.json();
    const at = new Date(Date.now() - 12 * 60_000).toISOString();
    const dns = { state: "answers", servers: ["192.0.2.53"], problem: "", took_ms: 5, at };
    await route.fulfill({ response: answer, json: { ...told, dns, warnings: [warning] } });
  });
  await page.reload();
  await line.getByText(/answers, asked 12 min ago/).waitFor();
  await line.getByRole("link", { name: "This hub" }).click();
  await page.locator("#hub").getByText(/answers, asked 12 min ago/).waitFor();
  await page.locator("#hub .failure").getByText(warning).waitFor();
  await page.unroute("**/api/v1/hub");
  await page.goto(hub.page);
  await page.reload();
  await line.getByRole("link", { name: "This hub" }).click();
  await page.locator("#hub").getByText(ownAddress).waitFor();
  await page.locator("#hub").getByText(/asked \d+ s ago/).waitFor();
  await close();
});
