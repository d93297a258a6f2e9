// What the page of a client draws of its past, by a hub of its own that has rolled up what it was sent.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { hubBinary, isLive, openBrowser, openPage, settled } from "./browser.mjs";
import { finding, healthy } from "./clients.mjs";
import { Hub } from "./hub.mjs";

let hub;
let browser;

/** 2,000 bytes a second in and 100 out; `null`: it tells of no tunnel, as older ones. */
const reports = [
  [18_000, null, "198.51.100.2"],
  [14_400, null, "198.51.100.2"],
  [10_800, 0, "198.51.100.17"],
  [7200, 3600, "198.51.100.17"],
  [3000, 7800, "198.51.100.17"],
  [60, 10_740, "198.51.100.33"],
];

function carrying(passed, address, place) {
  const report = healthy(0, { public_ip: address, lease_s: 36_000 });
  report.exit = { ...report.exit, v4: address };
  if (passed === null) return { ...report, tunnel: undefined };
  const tunnel = { ...report.tunnel, rx_bytes: 2000 * passed, tx_bytes: 100 * passed, handshake_age_s: 10 * place };
  return { ...report, tunnel };
}

/** Reports become minutes, hours and days a second after a start. */
async function rolledUp() {
  await hub.end();
  await hub.launch();
  const deadline = Date.now() + 30_000;
  const told = async () => (await hub.ask("/clients/office/samples?resolution=day")).samples.reduce((sum, each) => sum + each.reports, 0);
  while ((await told()) < reports.length) {
    assert.ok(Date.now() < deadline, "the reports are not rolled up");
    await pause(50);
  }
}

before(async () => {
  hub = await Hub.start(hubBinary);
  browser = await openBrowser();
  for (const [place, [ago, passed, address]] of reports.entries()) await hub.report("office", carrying(passed, address, place), ago);
  await rolledUp();
});

after(async () => {
  await browser?.close();
  await hub?.stop();
});

test("latency, packets outside, traffic and handshakes are drawn for each time from an hour to a year", async () => {
  const { page, close } = await openPage(browser, `${hub.page}#/clients/office`);
  await isLive(page);
  const chart = (title) => page.locator("figure.chart", { has: page.getByText(title, { exact: true }) });
  const said = (title) => chart(title).locator(".hidden").textContent();
  for (const name of ["1 hour", "6 hours", "1 day", "1 week", "1 month", "1 year"]) {
    await page.getByRole("button", { name, exact: true }).click();
    await page.getByRole("button", { name, pressed: true, exact: true }).waitFor();
    await settled(page);
    for (const title of ["Latency through the tunnel", "Packets outside the tunnel", "Traffic of the tunnel", "Age of the handshake"])
      await chart(title).locator("canvas").waitFor();
    assert.match(await said("Traffic of the tunnel"), /^received: 2\.0 kB\/s to 2\.0 kB\/s, last 2\.0 kB\/s; sent: 100 B\/s to /, name);
    assert.match(await said("Age of the handshake"), /^mean: .*; most: \d+ s to 50 s/, name);
    // Before the third report nobody told of a tunnel; of the last hour everything is known.
    if (name === "1 hour") assert.equal(await page.locator(".not-recorded").count(), 0);
    if (name === "1 week") assert.equal(await page.locator(".not-recorded").count(), 2);
  }
  await close();
});

test("the exit addresses begin with the one that held when the chosen time begins", async () => {
  const { page, close } = await openPage(browser, `${hub.page}#/clients/office`);
  await isLive(page);
  const rows = page.locator(".addresses li");
  const times = page.getByRole("combobox", { name: "Time", exact: true });
  await times.selectOption({ label: "1 hour" });
  await settled(page);
  await page.locator(".addresses li:first-child", { hasText: /^198\.51\.100\.17 since .*, in force when this time begins$/ }).waitFor();
  assert.match(await rows.nth(1).textContent(), /^198\.51\.100\.33 since (?!.*in force)/);
  assert.equal(await rows.count(), 2);
  await times.selectOption({ label: "1 year" });
  await page.locator(".addresses li:first-child", { hasText: /^198\.51\.100\.2 since/ }).waitFor();
  assert.equal(await rows.count(), 3);
  await close();
});

test("the file of incidents tells how long each lasted and which programs sent", async () => {
  const evidence = { process: "curl", pid: 4242, uid: 1000, destination: "203.0.113.80 TCP port 443" };
  await hub.report("leaky", healthy(0, { state: "danger", findings: [finding("process_outside", "danger", evidence)] }), 90);
  await hub.report("leaky", healthy(0));
  const { page, close } = await openPage(browser, `${hub.page}#/incidents?client=leaky`);
  await page.locator("table.incidents tbody tr").first().waitFor();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export CSV" }).click()]);
  const [heads, row] = (await readFile(await download.path(), "utf8")).split("\r\n");
  for (const name of ["duration_seconds", "exposed_seconds", "bytes_outside", "destinations", "programs"]) assert.ok(heads.split(",").includes(name));
  const lasted = Number(row.split(",")[heads.split(",").indexOf("duration_seconds")]);
  assert.ok(lasted >= 89 && lasted < 120, row);
  assert.match(row, /"curl \(pid 4242, uid 1000\)"/);
  await close();
});
