// A hub without clients: the exact command that adds one, with a fresh key for who may make one, and who can for everybody else.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { axeFindings, fitsIn, hubBinary, isLive, openBrowser, openPage, rowOf } from "./browser.mjs";
import { healthy } from "./clients.mjs";
import { Hub } from "./hub.mjs";

const password = "correct horse 42";

let hub;
let browser;

before(async () => {
  hub = await Hub.start(hubBinary, { VPN_SENTINEL_ADMIN_USER: "anna", VPN_SENTINEL_ADMIN_PASSWORD: password });
  browser = await openBrowser();
});

after(async () => {
  await browser?.close();
  await hub?.stop();
});

const field = (page, label) => page.getByLabel(label, { exact: true });

async function open(user, more = {}, at = hub) {
  const opened = await openPage(browser, at.page, { expected: /401|WebSocket connection/, ...more });
  await field(opened.page, "User").fill(user);
  await field(opened.page, "Password").fill(password);
  await field(opened.page, "Password").press("Enter");
  await isLive(opened.page);
  await opened.page.getByRole("heading", { name: "No client yet" }).waitFor();
  return opened;
}

/** In the name of who is logged in. */
const ask = (page, method, path, body) =>
  page.evaluate(
    async ([method, path, body]) => {
      const { csrf } = await (await fetch("/api/v1/session")).json();
      const headers = { "X-CSRF-Token": csrf, "Content-Type": "application/json" };
      return (await fetch(`/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) })).json();
    },
    [method, path, body],
  );

test("a hub that is open shows the command, and how a key comes to be", async () => {
  const empty = await Hub.start(hubBinary);
  try {
    const { page, close } = await openPage(browser, empty.page);
    await page.getByText(`vpn-sentinel-probe run --url http://127.0.0.1:${empty.apiPort} --netns name:vpn --client-id my-vpn`).waitFor();
    await page.getByText("vpn-sentinel-hub key add my-vpn --clients my-vpn").waitFor();
    assert.equal(await page.locator("#empty").getByRole("button").count(), 0);
    assert.deepEqual(await axeFindings(page), []);
    await page.locator("#empty").getByRole("link", { name: "Set up log-in" }).click();
    await field(page, "One-time token").waitFor();
    await page.goto(empty.page);
    await empty.report("first", healthy(0));
    await rowOf(page, "first").waitFor();
    await close();
  } finally {
    await empty.stop();
  }
});

test("who may make keys presses once and has the command with a fresh one, which works", async () => {
  const { page, close } = await open("anna");
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  const open_codes = async () => (await ask(page, "GET", "/enrolments")).enrolments.length;
  assert.equal(await open_codes(), 0);
  await page.reload();
  await page.getByRole("button", { name: "Make a code" }).click();
  const command = await page.locator("#empty .once code").textContent();
  const [, code] = new RegExp(`^vpn-sentinel-probe enroll http://127.0.0.1:${hub.apiPort} ([A-Z0-9-]+)$`).exec(command);
  await page.getByRole("button", { name: "Copy" }).click();
  await page.getByText("Copied.").waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), command);
  assert.deepEqual(await axeFindings(page), []);
  assert.equal(await open_codes(), 1);
  await page.reload();
  await page.getByRole("button", { name: "Make a code" }).waitFor();
  assert.equal(await open_codes(), 1);
  const headers = { "Content-Type": "application/json" };
  const enrolled = await fetch(`http://127.0.0.1:${hub.apiPort}/api/v1/enrol`, { method: "POST", headers, body: JSON.stringify({ code }) });
  const { client_id, key } = await enrolled.json();
  assert.equal(client_id, "my-vpn");
  const asked = await fetch(`http://127.0.0.1:${hub.apiPort}/api/v1/keepalive`, { method: "POST", headers: { ...headers, "X-API-Key": key }, body: "{}" });
  assert.equal(asked.status, 400, "the key is let in, and only the report is none");
  await close();
});

test("the command is for the name that was typed, also on a phone", async () => {
  const { page, close } = await open("anna", { width: 360, height: 780 });
  await field(page, "Client").fill("cellar");
  await page.getByRole("button", { name: "Make a code" }).click();
  await page.getByText("Run this as root on the machine of cellar.").waitFor();
  await fitsIn(page, 360);
  await close();
});

test("a code is made once by two presses, and stays on the screen when the first client reports", async () => {
  const own = await Hub.start(hubBinary, { VPN_SENTINEL_ADMIN_USER: "anna", VPN_SENTINEL_ADMIN_PASSWORD: password });
  try {
    const { page, close } = await open("anna", {}, own);
    await page.getByRole("button", { name: "Make a code" }).click();
    const command = await page.locator("#empty .once code").textContent();
    await page.getByRole("button", { name: "Make a code" }).click();
    await page.getByText("The client needs a name").waitFor();
    assert.equal((await ask(page, "GET", "/enrolments")).enrolments.length, 1);
    await own.report("first", healthy(0));
    await rowOf(page, "first").waitFor();
    await page.getByRole("heading", { name: "A new probe" }).waitFor();
    assert.equal(await page.locator("#empty .once code").textContent(), command);
    assert.deepEqual(await axeFindings(page), []);
    await page.locator("#empty").getByRole("button", { name: "Close" }).click();
    await page.locator("#empty").waitFor({ state: "detached" });
    await rowOf(page, "first").waitFor();
    await close();
  } finally {
    await own.stop();
  }
});

test("who may not make keys is told who can", async () => {
  const admin = await open("anna");
  await ask(admin.page, "POST", "/users", { name: "victor", role: "viewer", password });
  await admin.close();
  const { page, close } = await open("victor");
  await page.getByText("ask one of them for a one-time code").waitFor();
  await page.getByText(/^vpn-sentinel-probe run|export VPN_SENTINEL_API_KEY/).waitFor();
  assert.equal(await page.locator("#empty").getByRole("button").count(), 0);
  assert.deepEqual(await axeFindings(page), []);
  await close();
});
