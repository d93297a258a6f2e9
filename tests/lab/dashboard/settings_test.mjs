// The settings' pages: users, API tokens and who did what; what is told once, and what is for whom.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { axeFindings, fitsIn, hubBinary, isLive, openBrowser, openPage, settled } from "./browser.mjs";
import { healthy } from "./clients.mjs";
import { Hub } from "./hub.mjs";

const admin = "anna";
const password = "correct horse 42";
// What the browser itself writes into its console of refusals.
const refused = /40[01349]|WebSocket connection/;

let hub;
let browser;

before(async () => {
  hub = await Hub.start(hubBinary, { VPN_SENTINEL_ADMIN_USER: admin, VPN_SENTINEL_ADMIN_PASSWORD: password, VPN_SENTINEL_LOG_LEVEL: "info" });
  browser = await openBrowser();
  await hub.report("office", healthy(0));
});

after(async () => {
  await browser?.close();
  await hub?.stop();
});

const field = (page, label) => page.getByLabel(label, { exact: true });
const choice = (page, name) => page.getByRole("combobox", { name, exact: true });
const button = (page, name) => page.getByRole("button", { name, exact: true });

async function logIn(page, user = admin, secret = password) {
  await field(page, "User").fill(user);
  await field(page, "Password").fill(secret);
  await field(page, "Password").press("Enter");
  await isLive(page);
}

async function open(hash, more = {}) {
  const opened = await openPage(browser, hub.page + hash, { expected: refused, ...more });
  opened.page.on("dialog", (dialog) => dialog.accept());
  return opened;
}

test("an admin makes a user, changes the role and the password, and removes the user again", async () => {
  const { page, close } = await open("#/settings/users");
  await logIn(page);
  await button(page, "Make a user").click();
  await page.getByRole("alert").getByText("user name").waitFor();
  await field(page, "Name").fill("bert");
  await field(page, "Password").fill("bert's horse 43");
  await field(page, "Password again").fill("bert's horse 43");
  await button(page, "Make a user").click();
  await choice(page, "Role of bert").selectOption("operator");
  await page.getByText("bert is operator now.").waitFor();
  await button(page, "Set password of bert").click();
  await field(page, "New password").fill("another horse 44");
  await field(page, "New password again").fill("another horse 44");
  await button(page, "Set the password of bert").click();
  await page.getByText("bert has a new password").waitFor();
  const other = await open("#/settings/users");
  await logIn(other.page, "bert", "another horse 44");
  await other.page.getByText("This is for admins.").waitFor();
  assert.equal(await other.page.getByRole("link", { name: "Audit log" }).count(), 0);
  await button(page, "Remove bert").click();
  await page.getByText("bert is removed.").waitFor();
  await other.page.getByText("Your log-in has ended.").waitFor();
  await other.close();
  await close();
});

test("the last admin stays one, and the page says why", async () => {
  const { page, close } = await open("#/settings/users");
  await logIn(page);
  await choice(page, "Role of anna").selectOption("viewer");
  await page
    .getByRole("alert")
    .getByText(/^Not done: /)
    .waitFor();
  await page.waitForFunction(() => document.querySelector("#users select").value === "admin");
  await close();
});

test("a token is told once, opens what its rights say, and nothing when it is revoked", async () => {
  const { page, close } = await open("#/settings/tokens");
  await logIn(page);
  await field(page, "Name").fill("backup-script");
  await button(page, "Make a token").click();
  await page.getByRole("alert").getByText("The password is missing").waitFor();
  await field(page, "Your password").fill("wrong horse 42");
  await button(page, "Make a token").click();
  await page.getByRole("alert").getByText("The password is wrong").waitFor();
  await field(page, "Your password").fill(password);
  await button(page, "Make a token").click();
  const token = await page.locator(".once code").textContent();
  const ask = async () => (await fetch(`http://127.0.0.1:${hub.apiPort}/api/v1/clients`, { headers: { Authorization: `Bearer ${token}` } })).status;
  assert.equal(await ask(), 200);
  assert.deepEqual(await axeFindings(page), []);
  await button(page, "Revoke backup-script").click();
  await button(page, "Revoke backup-script").waitFor({ state: "detached" });
  assert.equal(await ask(), 401);
  assert.equal(await page.getByText(token).count(), 0);
  await close();
});

test("the audit log tells who did it, newest first", async () => {
  const { page, close } = await open("#/settings/audit");
  await logIn(page);
  await button(page, "Ask again").click();
  const rows = page.locator("#audit tbody tr");
  await rows.filter({ hasText: "Logged in" }).first().waitFor();
  await rows.filter({ hasText: "User added" }).filter({ hasText: "settings" }).waitFor();
  await close();
});

test("the log follows what the hub does, by level and text, and hides the key", async () => {
  const { page, close } = await open("#/settings/log");
  await logIn(page);
  const lines = page.locator(".log li");
  await lines.filter({ hasText: "Store loaded" }).waitFor();
  await hub.report("log-reader", healthy(0));
  await lines.filter({ hasText: "log-reader" }).waitFor();
  await page.getByPlaceholder(/^Search event/).fill("LOG-READER");
  await lines.filter({ hasText: "Store loaded" }).waitFor({ state: "detached" });
  // While the page asks there is no line at all.
  await lines.filter({ hasText: "log-reader" }).waitFor();
  assert.equal(await lines.count(), 1);
  await choice(page, "Level").selectOption("error");
  await page.getByText("No line matches.").waitFor();
  await close();
});

test("the hub tells where it listens and what its settings fix", async () => {
  const { page, close } = await open("#/settings");
  await logIn(page);
  await page.getByText(`http://127.0.0.1:${hub.apiPort}/api/v1`).waitFor();
  await page.getByRole("row", { name: /Reports are kept for 30 days/ }).waitFor();
  await close();
});

const pages = ["hub", "alerts", "keys", "users", "tokens", "log", "audit"].map((part) => `#/settings/${part}`);

test("no page of the settings is wider than a small phone, and axe-core finds nothing in either theme", async () => {
  const wrong = [];
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [360, 1280]) {
      const { page, close } = await open("", { width, height: 780, colorScheme });
      await logIn(page);
      for (const hash of pages) {
        await page.goto(hub.page + hash);
        await page.locator(".menu a[aria-current=page]").waitFor();
        await settled(page);
        await fitsIn(page, width);
        wrong.push(...(await axeFindings(page)).map((each) => `${hash} ${width} px ${colorScheme}: ${each}`));
      }
      await close();
    }
  }
  assert.deepEqual(wrong, []);
});

test("the menu of the settings is used by the keyboard alone", async () => {
  const { page, close } = await open("#/settings/keys");
  await logIn(page);
  await page.getByRole("link", { name: "API tokens" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "API tokens", exact: true }).waitFor();
  await page.waitForFunction(() => document.activeElement.id === "main");
  await close();
});
