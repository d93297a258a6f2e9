// What the page does when the hub hangs or goes away, when fields are hostile, when clients are many, and with connections.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { axeFindings, fitsIn, hubBinary, isLive, isTitled, openBrowser, openPage, rowOf } from "./browser.mjs";
import { finding, healthy } from "./clients.mjs";
import { flowAnswers } from "./flows.mjs";
import { Hub } from "./hub.mjs";

let hub;
let browser;

before(async () => {
  hub = await Hub.start(hubBinary);
  browser = await openBrowser();
  await hub.report("office", healthy(0));
});

after(async () => {
  await browser?.close();
  await hub?.stop();
});

const broken = /404|ERR_CONNECTION|ERR_EMPTY_RESPONSE|WebSocket connection/;

/** But for the legend, which is closed, and what was: the history says when. */
async function nothingIsGreen(page) {
  await page.waitForFunction(() =>
    [
      ...document.querySelectorAll(".light[data-state=secure], .layer[data-status=good], .verdict[data-state=secure], [data-how=good]"),
    ].every((node) => node.closest(".legend, ol.changes, .incidents")),
  );
}

for (const hash of ["#/", "#/clients/office", "#/wall", "#/connections"]) {
  test(`a hub that goes away takes the green with it, and one that is back brings it (${hash})`, async () => {
    const { page, close } = await openPage(browser, hub.page + hash, { expected: broken });
    if (hash === "#/connections")
      await page.route("**/api/v1/connections/**", (route) => route.fulfill({ json: flowAnswers(route.request().url()) }));
    if (hash === "#/connections") await page.getByRole("combobox", { name: "Time" }).selectOption("1");
    const green = page.locator(".light[data-state=secure], [data-how=good]").first();
    await green.waitFor();
    await hub.end();
    try {
      await page
        .getByText(/^Not live/)
        .first()
        .waitFor();
      if (hash !== "#/connections") await page.getByText("was Secure").first().waitFor();
      await nothingIsGreen(page);
      await isTitled(page, /not live/);
    } finally {
      await hub.launch();
    }
    await green.waitFor();
    await page.getByText("was Secure").first().waitFor({ state: "detached" });
    await close();
  });
}

test("a hub that hangs without a word is noticed", async () => {
  const { page, close } = await openPage(browser, hub.page, { expected: broken });
  await isLive(page);
  hub.process.kill("SIGSTOP");
  try {
    await page.locator("#connection[data-live=no]").waitFor({ timeout: 60_000 });
    await nothingIsGreen(page);
  } finally {
    hub.process.kill("SIGCONT");
  }
  await isLive(page);
  await close();
});

test("a client whose next report is late is not green, before the hub says so", async () => {
  await hub.report("brief", healthy(0, { lease_s: 2 }));
  const { page, close } = await openPage(browser, `${hub.page}#/clients/brief`);
  await page.locator(".light").first().waitFor();
  await page.locator(".client-head .light:is([data-state=offline], [data-state=overdue])").waitFor();
  await nothingIsGreen(page);
  await close();
});

test("a script that is stored in every field stays text", async () => {
  const script = '<img src=x onerror="globalThis.ran=1"><script>globalThis.ran=1</script>';
  const words = (value) =>
    typeof value === "string"
      ? script
      : Array.isArray(value)
        ? value.map(words)
        : value && typeof value === "object"
          ? Object.fromEntries(Object.entries(value).map(([key, each]) => [key, words(each)]))
          : value;
  const evil = finding("default_route_outside", "danger", { [script]: script, list: [script], deep: { [script]: [{ a: script }] } });
  // Field by field: what the hub refuses to take cannot be stored.
  const base = healthy(0, { state: "danger", findings: [evil] });
  const taken = [];
  for (const field of [
    "location",
    "dns_test",
    "tunnel",
    "dns",
    "kill_switch",
    "ruleset",
    "leak",
    "mtu",
    "exit",
    "client_version",
    "trigger",
  ]) {
    const value =
      field === "leak"
        ? { counting: false, why: script }
        : field === "tunnel"
          ? { ...base.tunnel, name: script, kind: script }
          : words(base[field] ?? "x");
    try {
      await hub.report("evil", { ...base, [field]: value });
      base[field] = value;
      taken.push(field);
    } catch (refused) {
      assert.match(refused.message, /400/);
    }
  }
  console.log(`the hub took scripts in ${taken.join(", ")} and in evidence`);
  assert.ok(taken.length > 0);
  await hub
    .report("evil", { ...base, findings: [evil, { ...evil, code: script }] })
    .catch((refused) => assert.match(refused.message, /400/));
  const { page, close } = await openPage(browser, hub.page);
  for (const hash of ["#/", "#/clients/evil", "#/incidents?client=evil", "#/wall", "#/connections"]) {
    await page.goto(hub.page + hash);
    await page.reload();
    await page.locator("main[data-live=yes], #connection[data-live=yes]").waitFor();
    await page.route("**/api/v1/connections/**", (route) => route.fulfill({ json: words(flowAnswers(route.request().url())) }));
    for (const summary of await page.locator("summary").all()) await summary.click();
    assert.equal(await page.evaluate(() => globalThis.ran), undefined, hash);
    assert.equal(await page.locator("img[src=x]").count(), 0, hash);
  }
  await page.goto(`${hub.page}#/clients/evil`);
  await page.getByText("<script>").first().waitFor({ state: "attached" });
  await close();
});

test("connections that go outside are red on the map and first in the list, and gaps are told", async () => {
  const { page, close } = await openPage(browser, hub.page);
  await page.route("**/api/v1/connections/**", (route) => route.fulfill({ json: flowAnswers(route.request().url()) }));
  await page.goto(`${hub.page}#/connections`);
  await page.locator(".map .arc.outside").first().waitFor();
  const colour = (selector) =>
    page
      .locator(selector)
      .first()
      .evaluate((node) => getComputedStyle(node).stroke);
  assert.notEqual(await colour(".map .arc.outside"), await colour(".map .arc.tunnel"));
  const rows = page.locator("tbody tr[data-way]");
  assert.equal(await rows.first().getAttribute("data-way"), "outside");
  await rows.first().getByText("not counted").first().waitFor();
  await page.locator(".notice-quiet summary").click();
  await page.getByText("no CAP_NET_ADMIN").waitFor();
  for (const title of ["Bytes per second", "Connections opened per hour"])
    await page.locator(".chart", { has: page.getByText(title, { exact: true }) }).locator("canvas").waitFor();
  assert.match(await page.locator(".chart .hidden").last().textContent(), /^by the tunnel: 12 to 12, last 12; outside: 0 to 12, last 12;/);
  assert.deepEqual(await axeFindings(page), []);
  await page.setViewportSize({ width: 360, height: 780 });
  await fitsIn(page, 360);
  await close();
});

test("what has no line on the map is told beside it, in red what went outside", async () => {
  const { page, close } = await openPage(browser, hub.page);
  const moved = (opened) => ({ bytes_out: 500, bytes_in: 0, opened, uncounted: 0 });
  let told = {};
  await page.route("**/api/v1/connections/**", (route) => {
    const answer = flowAnswers(route.request().url());
    return route.fulfill({ json: "unplaced" in answer ? { ...answer, ...told } : answer });
  });
  const reopen = async (more) => {
    told = more;
    await page.goto(`${hub.page}#/`);
    await page.goto(`${hub.page}#/connections`);
    await page.locator(".map .arc.outside").first().waitFor();
  };
  await reopen({});
  assert.equal(await page.getByText(/Not on the map|more lines/).count(), 0);
  await reopen({ more: true, unplaced: { outside: moved(3), tunnel: moved(1), other: moved(0) } });
  await page.locator(".off-map[data-state=danger]").getByText("outside the tunnel: 500 bytes in 3 connections").waitFor();
  const colour = (selector, of) =>
    page
      .locator(selector)
      .first()
      .evaluate((node, of) => getComputedStyle(node)[of], of);
  assert.equal(await colour(".off-map", "color"), await colour(".map .arc.outside", "stroke"));
  await page.getByText("Not on the map, by the tunnel").waitFor();
  await page.getByText("all that are outside the tunnel are among them").waitFor();
  const { arcs } = flowAnswers("http://hub/map");
  await reopen({ more: true, arcs: arcs.filter((arc) => arc.outside) });
  await page.locator(".off-map[data-state=danger]").getByText("some of those may be outside the tunnel").waitFor();
  await close();
});

test("lines of the map that are still there are kept when the hub is asked again", async () => {
  const { page, close } = await openPage(browser, hub.page);
  await page.clock.install();
  const { arcs } = flowAnswers("http://hub/map");
  let told = arcs;
  await page.route("**/api/v1/connections/**", (route) => {
    const answer = flowAnswers(route.request().url());
    return route.fulfill({ json: "arcs" in answer ? { ...answer, arcs: told } : answer });
  });
  await page.goto(`${hub.page}#/connections`);
  const red = page.locator(".map .arc.outside");
  const blue = page.locator(".map .arc.tunnel");
  await blue.nth(2).waitFor();
  const counts = [await red.count(), await blue.count()];
  await page.locator(".map .arc").evaluateAll((lines) => lines.forEach((line) => (line.dataset.kept = "yes")));
  // One outside has carried more, one by the tunnel is gone, another is new.
  const [first, , gone] = arcs;
  const fresh = { ...gone, to: { country: "AU", latitude: -25, longitude: 134 } };
  told = [{ ...first, traffic: { ...first.traffic, bytes_in: 1e12 } }, ...arcs.filter((arc) => arc !== first && arc !== gone), fresh];
  await page.clock.fastForward(11_000);
  await page.locator('.map .arc.outside[data-kept][stroke-width="5"]').waitFor();
  assert.deepEqual([await red.count(), await blue.count()], counts);
  assert.equal(await page.locator(".map .arc:not([data-kept])").count(), 1);
  const ways = await page.locator(".map .arc").evaluateAll((lines) => lines.map((line) => line.classList.contains("outside")));
  assert.ok(ways.indexOf(true) > ways.lastIndexOf(false), "red lines lie on top");
  told = [];
  await page.clock.fastForward(11_000);
  await page.locator(".map .arc").first().waitFor({ state: "detached" });
  await close();
});

test("a list of incidents hears of a new one, and does not count on when the hub is gone", async () => {
  await hub.report("cellar", healthy(1));
  const { page, close } = await openPage(browser, `${hub.page}#/incidents?client=cellar`, { expected: broken });
  await page.clock.install();
  await page.reload();
  await page.getByRole("checkbox", { name: "Only those that go on" }).check();
  await page.getByText("No incident is known that goes on.").waitFor();
  await hub.report("cellar", healthy(1, { state: "danger", findings: [finding("ipv6_outside", "danger")] }));
  await page.clock.fastForward(16_000);
  const row = page.locator("table.incidents tbody tr[data-open=yes]");
  await row.getByText("and goes on").waitFor();
  await hub.end();
  try {
    await row.getByText("went on when the hub was heard last").waitFor();
    assert.equal(await row.getByText("and goes on").count(), 0);
  } finally {
    await hub.launch();
  }
  await page.clock.fastForward(31_000);
  await row.getByText("and goes on").waitFor();
  await close();
});

test("where no probe tells of connections stands the command that changes that", async () => {
  const { page, close } = await openPage(browser, hub.page, { expected: /404/ });
  await page.route("**/api/v1/connections/**", (route) => route.fulfill({ json: flowAnswers(route.request().url(), true) }));
  await page.goto(`${hub.page}#/connections`);
  await page.getByText(`vpn-sentinel-probe run --url http://127.0.0.1:${hub.apiPort}`).waitFor();
  await close();
});

/** While somebody scrolls those that he sees go on, and when he has stopped all of them do. */
async function timesTick(page) {
  await page.evaluate(
    () =>
      new Promise((done) => {
        scrollTo(0, 0);
        const time = document.querySelector("#clients > :first-child time");
        const before = time.textContent;
        let step = 1;
        const scroll = () => {
          if (time.textContent !== before) return done();
          scrollBy(0, (step = -step));
          requestAnimationFrame(scroll);
        };
        scroll();
      }),
  );
  const last = page.locator("#clients > :last-child time").last();
  const before = await last.textContent();
  await page.waitForFunction((text) => [...document.querySelectorAll("#clients > :last-child time")].at(-1).textContent !== text, before);
}

test("a thousand clients are drawn at once and scroll", async () => {
  const many = await Hub.start(hubBinary);
  try {
    for (let i = 0; i < 1000; i += 50)
      await Promise.all(Array.from({ length: 50 }, (_, n) => many.report(`client-${String(i + n).padStart(4, "0")}`, healthy(n))));
    const { page, close } = await openPage(browser, many.page);
    await page.locator("#clients > *").nth(30).waitFor();
    const drawn = await page.evaluate(() => performance.now());
    const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime);
    assert.equal(await page.locator("#totals .count").first().textContent(), "1000");
    const frames = await page.evaluate(
      () =>
        new Promise((done) => {
          const times = [];
          const step = (now) => {
            times.push(now);
            scrollBy(0, 120);
            if (times.length < 90) requestAnimationFrame(step);
            else done((times.length - 1) / ((times.at(-1) - times[0]) / 1000));
          };
          requestAnimationFrame(step);
        }),
    );
    await page.waitForFunction(
      () => {
        scrollTo(0, document.documentElement.scrollHeight);
        return document.querySelectorAll("#clients > *").length === 1000;
      },
      null,
      { timeout: 120_000 },
    );
    await timesTick(page);
    console.log(
      `1,000 clients: first paint after ${Math.round(paint)} ms, clients seen after ${Math.round(drawn)} ms, scrolled at ${frames.toFixed(0)} frames per second`,
    );
    await close();
  } finally {
    await many.stop();
  }
});
