// The first admin, log-in, log-out, and what stays on the screen when a log-in ends: nothing.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";

import { axeFindings, fitsIn, hubBinary, isLive, isTitled, openBrowser, openPage, rowOf, settled } from "./browser.mjs";
import { healthy } from "./clients.mjs";
import { Hub } from "./hub.mjs";

const user = "anna";
const password = "correct horse 42";
// What the browser itself writes into its console of refusals.
const refused = /40[0139]|429|503|WebSocket connection/;

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

async function open(hash = "", more = {}) {
  const opened = await openPage(browser, hub.page + hash, { expected: refused, ...more });
  return opened;
}
const field = (page, label) => page.getByLabel(label, { exact: true });
const alert = (page) => page.getByRole("alert");
const isFocused = (page, name) => page.locator(`[name="${name}"]:focus`).waitFor();

async function nothingOfTheFleet(page) {
  assert.equal(await page.locator("header, #fleet, .light, .card, .verdict, #connection").count(), 0);
  assert.doesNotMatch(await page.locator("body").textContent(), /office|secure/i);
  await isTitled(page, /^VPN Sentinel$/);
}

async function logIn(page, secret = password) {
  await field(page, "User").fill(user);
  await field(page, "Password").fill(secret);
  await field(page, "Password").press("Enter");
}

test("a hub on loopback is open until the first admin is made with the token, then everybody has to log in", async () => {
  const other = await open();
  await isLive(other.page);
  const { page, close } = await open();
  await isLive(page);
  await page.getByRole("link", { name: "Set up log-in" }).click();
  await field(page, "One-time token").fill("no such token");
  await field(page, "User").fill("an na");
  await field(page, "Password").fill("short");
  await field(page, "Password again").fill("short");
  const button = page.getByRole("button", { name: "Make the first admin" });
  await button.click();
  await alert(page).getByText("user name").waitFor();
  await isFocused(page, "user");
  await field(page, "User").fill(user);
  await button.click();
  await alert(page).getByText("at least 10").waitFor();
  await field(page, "Password").fill(password);
  await button.click();
  await alert(page).getByText("not the same").waitFor();
  await isFocused(page, "again");
  await field(page, "Password again").fill(password);
  await button.click();
  await alert(page).getByText("token: expected").waitFor();
  await isFocused(page, "token");
  assert.deepEqual(await axeFindings(page), []);
  const token = (await readFile(path.join(hub.folder, "data", "setup-token"), "utf8")).trim();
  await field(page, "One-time token").fill(token);
  await button.click();
  await page.locator(".who", { hasText: user }).waitFor();
  await isLive(page);
  await other.page.getByRole("heading", { name: /log in/ }).waitFor();
  await nothingOfTheFleet(other.page);
  await close();
  await other.close();
});

test("a log-in shows the fleet; a wrong password, nothing but why", async () => {
  const { page, close } = await open();
  await page.getByRole("button", { name: "Log in" }).waitFor();
  await isFocused(page, "user");
  assert.equal(await field(page, "Password").getAttribute("autocomplete"), "current-password");
  await nothingOfTheFleet(page);
  await logIn(page, "a wrong password");
  await alert(page).getByText("User or password is wrong").waitFor();
  await isFocused(page, "password");
  await nothingOfTheFleet(page);
  await logIn(page);
  await isLive(page);
  await rowOf(page, "office").waitFor();
  await page.reload();
  await isLive(page);
  await close();
});

test("the log-in is wide enough for a small phone, and axe-core finds nothing in either theme", async () => {
  for (const colorScheme of ["light", "dark"]) {
    const { page, close } = await open("", { width: 360, height: 780, colorScheme });
    await page.getByRole("button", { name: "Log in" }).click();
    await alert(page).waitFor();
    assert.deepEqual(await axeFindings(page), []);
    await fitsIn(page, 360);
    await logIn(page);
    await isLive(page);
    for (const hash of ["#/", "#/keys", "#/account"]) {
      await page.goto(hub.page + hash);
      await page.locator("h1").waitFor({ state: "attached" });
      await settled(page);
      assert.deepEqual(await axeFindings(page), [], hash);
      await fitsIn(page, 360);
    }
    await close();
  }
});

test("a hub without users that is no open one asks for the first admin", async () => {
  const { page, close } = await open("#/account");
  await page.route("**/api/v1/session", (route) =>
    route.fulfill({ json: { state: "setup", user: null, csrf: null, setup_possible: true } }),
  );
  await page.reload();
  await page.getByRole("heading", { name: /first admin/ }).waitFor();
  await isFocused(page, "token");
  await nothingOfTheFleet(page);
  await page.unroute("**/api/v1/session");
  await field(page, "One-time token").fill("too late");
  await field(page, "User").fill("ben");
  await field(page, "Password").fill(password);
  await field(page, "Password again").fill(password);
  await field(page, "Password again").press("Enter");
  await page.getByRole("heading", { name: /log in/ }).waitFor();
  await close();
});

test("a wait that the hub asks for is counted down, and nothing is sent before", async () => {
  const { page, close } = await open();
  await page.clock.install();
  let asked = 0;
  await page.route("**/api/v1/login", (route) => {
    ++asked;
    return route.fulfill({
      status: 429,
      headers: { "Retry-After": "60" },
      json: { error: "Too many", message: "Too many wrong passwords" },
    });
  });
  await logIn(page);
  await alert(page).getByText("Too many wrong passwords").waitFor();
  await page.getByRole("button", { name: /in \d+ s/ }).click({ force: true });
  assert.equal(asked, 1);
  await page.unroute("**/api/v1/login");
  await page.clock.fastForward(61_000);
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await isLive(page);
  await close();
});

for (const hash of ["#/", "#/clients/office", "#/wall", "#/incidents"]) {
  test(`who logs out leaves nothing on the screen, here and in his other tabs (${hash})`, async () => {
    const { page, close } = await open();
    await logIn(page);
    await isLive(page);
    const tab = await page.context().newPage();
    await tab.goto(hub.page + hash);
    await tab.locator("#connection[data-live=yes], main.wall[data-live=yes]").waitFor();
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByRole("heading", { name: /log in/ }).waitFor();
    assert.equal(await page.getByText("Your log-in has ended.").count(), 0);
    await tab.getByText("Your log-in has ended.").waitFor();
    await nothingOfTheFleet(page);
    await nothingOfTheFleet(tab);
    await logIn(tab);
    await tab.locator("#connection[data-live=yes], main.wall[data-live=yes]").waitFor();
    await close();
  });
}

test("a call that the hub refuses with 401 leads to the log-in, too", async () => {
  const { page, close } = await open();
  await logIn(page);
  await isLive(page);
  // The live channel hears of the end by itself: here it does not.
  await page.routeWebSocket("**/api/v1/live", () => {});
  await page.reload();
  await page.locator(".who").waitFor();
  await page.context().clearCookies();
  // Not by the link: a question of the page that was open until now may have been the refused one already.
  await page.evaluate(() => {
    location.hash = "#/incidents";
  });
  await page.getByText("Your log-in has ended.").waitFor();
  await nothingOfTheFleet(page);
  await close();
});

test("an operator makes codes for probes and keys, which are shown once", async () => {
  const { page, close } = await open("#/keys");
  page.on("dialog", (dialog) => dialog.accept());
  await logIn(page);
  await page.getByRole("heading", { name: "Keys", exact: true }).waitFor();
  await page.getByRole("button", { name: "Make a code" }).click();
  await isFocused(page, "client_id");
  await field(page, "Client").fill("new-office");
  await page.getByRole("button", { name: "Make a code" }).click();
  const command = await page.locator("#enrolments .once code").textContent();
  const [, code] = new RegExp(`^vpn-sentinel-probe enroll http://127.0.0.1:${hub.apiPort} ([A-Z0-9-]+)$`).exec(command);
  const enrolled = await fetch(`http://127.0.0.1:${hub.apiPort}/api/v1/enrol`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ code }),
  });
  assert.equal((await enrolled.json()).client_id, "new-office");
  const keys = page.locator("#keys");
  await field(page, "Name").fill("lab");
  await field(page, "Clients").fill("lab-*, bench");
  await page.getByRole("button", { name: "Make a key" }).click();
  const first = await keys.locator(".once code").textContent();
  await page.getByRole("button", { name: "Rotate lab" }).click();
  await page.waitForFunction((old) => document.querySelector("#keys .once code").textContent !== old, first);
  assert.deepEqual(await axeFindings(page), []);
  await page.getByRole("button", { name: "Revoke lab" }).click();
  await page.getByRole("button", { name: "Rotate lab" }).waitFor({ state: "detached" });
  await page.reload();
  await page.getByRole("button", { name: "Revoke new-office" }).waitFor();
  assert.equal(await page.locator(".once").count(), 0);
  await close();
});

/** What an authenticator shows (RFC 6238, SHA-1, 30 s, six digits). */
function totp(secret, at = Date.now()) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret].map((letter) => letters.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((each) => parseInt(each, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const digest = createHmac("sha1", key).update(counter).digest();
  return String((digest.readUInt32BE(digest.at(-1) & 15) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

test("with an authenticator the log-in asks for a code, and takes a recovery code", async () => {
  const { page, close } = await open("#/account");
  await logIn(page);
  await field(page, "Your password").fill(password);
  await page.getByRole("button", { name: "Begin" }).click();
  const [secret] = (await page.locator("#authenticator .once code").textContent()).split("\n");
  await field(page, "Code").fill(totp(secret));
  await page.getByRole("button", { name: "Confirm" }).click();
  await page.getByText("recovery codes").waitFor();
  const [recovery] = (await page.locator("#authenticator .once code").textContent()).split("\n");
  assert.deepEqual(await axeFindings(page), []);
  await page.getByRole("button", { name: "Log out" }).click();
  await logIn(page);
  await field(page, "Code").fill("000000");
  await field(page, "Code").press("Enter");
  await alert(page).getByText("The code is wrong").waitFor();
  await isFocused(page, "code");
  const message = "Too many wrong codes for this user: the next one is looked at in 30 s; a recovery code does not wait for that";
  await page.route("**/api/v1/login", (route) =>
    route.fulfill({ status: 429, headers: { "Retry-After": "30" }, json: { error: "Too many failed logins", message, code_required: true } }),
  );
  await field(page, "Code").press("Enter");
  await alert(page).getByText(message).waitFor();
  await page.unroute("**/api/v1/login");
  await field(page, "Code").fill(recovery);
  await field(page, "Code").press("Enter");
  await isLive(page);
  await field(page, "Your password").fill(password);
  await page.getByRole("button", { name: "Remove the authenticator" }).click();
  await page.getByRole("button", { name: "Begin" }).waitFor();
  await close();
});

test("who changes his password ends his other log-ins, and only the new one counts", async () => {
  const [one, other] = [await open("#/account"), await open()];
  for (const { page } of [one, other]) {
    await logIn(page);
    await isLive(page);
  }
  const { page } = one;
  await field(page, "Password of now").fill("not my password");
  await field(page, "New password").fill("a better horse 43");
  await field(page, "New password again").fill("a better horse 43");
  await page.getByRole("button", { name: "Change the password" }).click();
  await alert(page).getByText("The password is wrong").waitFor();
  await field(page, "Password of now").fill(password);
  await page.getByRole("button", { name: "Change the password" }).click();
  await page.getByText("The password is changed").waitFor();
  await other.page.getByText("Your log-in has ended.").waitFor();
  await logIn(other.page);
  await alert(other.page).getByText("User or password is wrong").waitFor();
  await logIn(other.page, "a better horse 43");
  await isLive(other.page);
  await one.close();
  await other.close();
});
