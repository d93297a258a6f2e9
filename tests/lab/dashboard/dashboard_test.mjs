import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";

import { areListed, axeFindings, fitsIn, hubBinary, isLive, isTitled, openBrowser, openPage, rowOf, settled } from "./browser.mjs";
import { finding, healthy, manyClients } from "./clients.mjs";
import { Hub } from "./hub.mjs";

let hub;
let browser;

before(async () => {
  hub = await Hub.start(hubBinary);
  browser = await openBrowser();
  for (const [id, report] of manyClients()) await hub.report(id, report);
});

after(async () => {
  await browser?.close();
  await hub?.stop();
});

const pages = [
  "#/",
  "#/clients/office-vpn",
  "#/clients/warsaw-branch",
  "#/clients/group%3Abuilders",
  "#/incidents",
  "#/connections",
  "#/reliability",
  "#/wall",
];

test("a change is on the screen a moment after the hub has taken it", async () => {
  const { page, close } = await openPage(browser, hub.page);
  await isLive(page);
  await hub.report("family-tv", healthy(4));
  const row = rowOf(page, "family-tv");
  assert.equal(await row.getAttribute("data-state"), "secure");
  await page.evaluate(() => {
    const rows = [...document.querySelectorAll("#clients > *")];
    const row = rows.find((each) => each.textContent.includes("family-tv"));
    globalThis.changed = new Promise((done) =>
      new MutationObserver(() => {
        if (row.dataset.state === "danger") done(Date.now());
      }).observe(row, { attributes: true }),
    );
  });
  await hub.report("family-tv", healthy(4, { state: "danger", findings: [finding("ipv6_outside", "danger", { device: "eth0" })] }));
  const acknowledged = Date.now();
  const shown = await page.evaluate(() => globalThis.changed);
  console.log(`on the screen ${shown - acknowledged} ms after the acknowledgement`);
  await row.getByText("IPv6 traffic leaves outside the tunnel.").waitFor();
  await page.locator("#changes li:first-child", { hasText: /family-tv.*Secure → Danger/ }).waitFor();
  await isTitled(page, /danger/);
  await hub.report("family-tv", healthy(4));
  await page.locator("#clients [data-state=secure]", { hasText: "family-tv" }).waitFor();
  await close();
});

test("the page of a client says why, for each kind of leak, with what to do and what it rests on", async () => {
  const { page, close } = await openPage(browser, `${hub.page}#/clients/leaky`);
  await isLive(page);
  const kinds = [
    ["default_route_outside", "danger", "Routes"],
    ["ipv6_outside", "danger", "Routes"],
    ["route_injected", "danger", "Routes"],
    ["rule_changed", "danger", "Routes"],
    ["exit_is_uplink", "danger", "Exit IPv4"],
    ["dns_resolver_outside", "warning", "DNS"],
    ["dns_packets_outside", "warning", "Counters"],
    ["packets_outside", "danger", "Counters"],
    ["process_outside", "danger", "Programs"],
    ["udp_exit_outside", "warning", "UDP and packet sizes"],
    ["kill_switch_not_holding", "danger", "Kill switch"],
    ["tunnel_stalled", "warning", "Liveness"],
    ["tunnel_down", "contained", "Tunnel"],
  ];
  for (const [code, severity, layer] of kinds) {
    await hub.report("leaky", healthy(0, { state: severity, findings: [finding(code, severity, { proof: `evidence of ${code}` })] }));
    const told = (await hub.ask("/clients/leaky")).findings[0];
    const card = page.locator(".layer", { has: page.getByRole("heading", { name: layer, exact: true }) });
    await card.locator("code", { hasText: code }).waitFor();
    assert.notEqual(await card.getAttribute("data-status"), "good", code);
    for (const sentence of [told.meaning, told.advice]) await page.locator("#why").getByText(sentence).waitFor();
    await card.locator("summary").click();
    await card.getByText(`evidence of ${code}`).waitFor();
  }
  await hub.report("leaky", healthy(0));
  await close();
});

test("what could not be looked at is told as such, and never in green", async () => {
  const { page, close } = await openPage(browser, `${hub.page}#/clients/warsaw-branch`);
  await isLive(page);
  for (const layer of ["DNS", "Counters"]) {
    const card = page.locator(".layer", { has: page.getByRole("heading", { name: layer, exact: true }) });
    assert.equal(await card.getAttribute("data-status"), "unknown");
    await card.getByText("Could not look").waitFor();
  }
  await page.goto(`${hub.page}#/clients/attic-pi`);
  await page.getByText("Offline", { exact: true }).first().waitFor();
  assert.equal(await page.locator(".layer[data-status=good]").count(), 0);
  await close();
});

test("cards, search, group and order choose who is shown", async () => {
  const { page, close } = await openPage(browser, hub.page);
  await isLive(page);
  const all = await page.locator("#clients > *").count();
  await page.getByRole("button", { name: "Contained" }).click();
  await areListed(page, 1);
  await page.getByText(`1 of ${all} shown`).waitFor();
  await page.getByRole("button", { name: "Total" }).click();
  await page.getByPlaceholder(/^Search/).fill("stockholm seedbox");
  await areListed(page, 1);
  await page.getByPlaceholder(/^Search/).fill("nobody at all");
  await page.getByRole("button", { name: "Show all" }).click();
  await areListed(page, all);
  await page.getByRole("combobox", { name: "Group" }).selectOption("builders");
  await areListed(page, 3);
  await page.getByRole("combobox", { name: "Group" }).selectOption("");
  await page.getByLabel("Order").selectOption("name");
  await page.locator("#clients > :first-child", { hasText: "attic-pi" }).waitFor();
  await page.getByRole("button", { name: "Tiles" }).click();
  await page.locator("#clients.tiles").waitFor();
  await areListed(page, all);
  await close();
});

test("each cell of the table stands below its head and holds what is in it", async () => {
  for (const width of [900, 1280, 1600]) {
    const { page, close } = await openPage(browser, hub.page, { width });
    await isLive(page);
    const wrong = await page.evaluate(() => {
      const heads = [...document.querySelectorAll(".fleet thead th")];
      const misplaced = (cell, place) =>
        Math.abs(cell.getBoundingClientRect().left - heads[place].getBoundingClientRect().left) > 1 || cell.scrollWidth > cell.clientWidth + 1;
      return [...document.querySelectorAll("#clients tr")].flatMap((row) => [...row.cells].filter(misplaced).map((cell) => cell.textContent));
    });
    assert.deepEqual(wrong, [], `at ${width} px`);
    await close();
  }
});

test("tags stand beside the name, are searched, and choose who is shown", async () => {
  await hub.report("tagged-1", healthy(1, { tags: ["shelf", "nas-2"] }));
  await hub.report("tagged-2", healthy(2, { tags: ["shelf"] }));
  const { page, close } = await openPage(browser, hub.page);
  await isLive(page);
  const names = (...wanted) =>
    page.waitForFunction((all) => [...document.querySelectorAll("#clients a")].map((each) => each.textContent).join() === all, wanted.join());
  await rowOf(page, "tagged-1").getByText("nas-2", { exact: true }).waitFor();
  await page.getByRole("combobox", { name: "Tag" }).selectOption("shelf");
  await names("tagged-1", "tagged-2");
  await page.getByPlaceholder(/^Search/).fill("nas-2");
  await names("tagged-1");
  await page.goto(`${hub.page}#/clients/tagged-1`);
  await page.locator(".facts").getByText("nas-2", { exact: true }).waitFor();
  await close();
});

test("no page is wider than a small phone, and axe-core finds nothing in either theme", async () => {
  const wrong = [];
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [360, 1280]) {
      const { page, close } = await openPage(browser, hub.page, { width, height: 780, colorScheme, expected: /404/ });
      for (const hash of pages) {
        await page.goto(hub.page + hash);
        await page.locator("main[data-live=yes], #connection[data-live=yes]").waitFor();
        await settled(page);
        await fitsIn(page, width).catch(() => wrong.push(`${hash} is wider than ${width} px`));
        wrong.push(...(await axeFindings(page)).map((each) => `${hash} ${width} px ${colorScheme}: ${each}`));
      }
      await close();
    }
  }
  assert.deepEqual(wrong, []);
});

test("the hub's own page counts as many clients and groups as the overview", async () => {
  const { page, close } = await openPage(browser, hub.page);
  await isLive(page);
  const card = page.locator("#totals .card").first();
  const numbers = await Promise.all([".count", ".also"].map((part) => card.locator(part).textContent()));
  assert.equal(numbers[1], "+ 1 group");
  await page.goto(`${hub.page}#/settings/hub`);
  const told = page.locator("#hub dt", { hasText: "Clients and groups" }).locator("+ dd");
  assert.equal(await told.textContent(), String(Number(numbers[0]) + 1));
  await close();
});

test("axe-core would find what is wrong", async () => {
  const { page, close } = await openPage(browser, hub.page);
  await isLive(page);
  await page.evaluate(() => document.body.append(document.createElement("button")));
  assert.match((await axeFindings(page)).join(), /button-name/);
  await close();
});

test("the theme can be chosen, and is remembered", async () => {
  const { page, close } = await openPage(browser, hub.page);
  await isLive(page);
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.getByLabel("Colours").selectOption("dark");
  assert.notEqual(await ground(), light);
  await page.reload();
  await isLive(page);
  assert.notEqual(await ground(), light);
  await close();
});

test("everything can be reached by the keyboard", async () => {
  const { page, close } = await openPage(browser, hub.page);
  await isLive(page);
  const focused = () => page.evaluate(() => document.activeElement.textContent);
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "To the content");
  await page.keyboard.press("Enter");
  await page.locator("#main:focus").waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("office-vpn");
  await page.locator("#clients > *").nth(1).waitFor({ state: "detached" });
  for (let i = 0; i < 10 && (await focused()) !== "office-vpn"; ++i) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "office-vpn" }).waitFor();
  await page.locator("#main:focus").waitFor();
  await page.getByRole("button", { name: "1 week" }).focus();
  await page.keyboard.press("Space");
  await page.getByRole("button", { name: "1 week", pressed: true }).waitFor();
  await close();
});

test("incidents are listed, opened and exported", async () => {
  const { page, close } = await openPage(browser, `${hub.page}#/incidents`);
  await page.getByLabel("Client").selectOption("office-vpn");
  await page
    .getByRole("link", { name: /^Details/ })
    .first()
    .click();
  await page.getByRole("heading", { name: /^Incident \d+/ }).waitFor();
  await page.getByRole("rowheader", { name: "203.0.113.80" }).waitFor();
  await page.goto(`${hub.page}#/incidents`);
  await page
    .getByRole("link", { name: /^Details/ })
    .first()
    .waitFor();
  for (const [button, check] of [
    ["Export CSV", (text) => assert.match(text, /^id,client,start/)],
    ["Export JSON", (text) => assert.ok(JSON.parse(text).length > 3)],
  ]) {
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: button }).click()]);
    check(await readFile(await download.path(), "utf8"));
  }
  await close();
});

test("how reliable clients were is told for all of them by month, and for one on its page", async () => {
  const { page, close } = await openPage(browser, `${hub.page}#/reliability`);
  await page.getByRole("heading", { name: "Reliability", level: 1 }).waitFor();
  const row = page.getByRole("row", { name: /office-vpn/ });
  await row.waitFor();
  assert.equal(await row.getByRole("cell").count(), 8);
  const report = await page.getByRole("link", { name: "Page to print or keep" }).getAttribute("href");
  const answer = await page.request.get(new URL(report, hub.page).href);
  assert.equal(answer.status(), 200);
  assert.match(await answer.text(), /office-vpn/);
  await page.getByLabel("Month").selectOption({ index: 1 });
  await settled(page);
  await row.waitFor();
  await page.goto(`${hub.page}#/clients/office-vpn`);
  await page.getByText("protected in the last 30 days").waitFor();
  await close();
});

test("scripts and styles are no larger than promised", async () => {
  const folder = path.join(process.env.BUILD, "hub/web/dist");
  const page = await readFile(path.join(folder, "dashboard.html"), "utf8");
  let whole = 0;
  let first = 0;
  for (const name of (await readdir(folder)).filter((each) => /\.(js|css)\.gz$/.test(each))) {
    const { length } = await readFile(path.join(folder, name));
    whole += length;
    // What the page itself names; the rest is fetched by who opens the map or the settings.
    if (page.includes(name.replace(/\.gz$/, ""))) first += length;
  }
  console.log(`scripts and styles, packed: ${(first / 1000).toFixed(1)} kB at first, ${(whole / 1000).toFixed(1)} kB with the map and the settings`);
  assert.ok(first <= 75_000 && whole <= 150_000);
});

test("the report of a month is one page with its colours, though its policy takes no style from elsewhere", async () => {
  const { page, close } = await openPage(browser, hub.page.replace("/dashboard", "/api/v1/report"), { expected: /404/ });
  const colour = (selector, of) =>
    page
      .locator(selector)
      .first()
      .evaluate((node, of) => getComputedStyle(node)[of], of);
  assert.equal(await colour(".bar rect.unknown", "fill"), await colour(".legend .unknown", "backgroundColor"));
  assert.deepEqual(await axeFindings(page), []);
  await close();
});
