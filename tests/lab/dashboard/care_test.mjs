// What people do about incidents, and who is told what: acknowledged, commented, muted; channels, rules, maintenance windows.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";

import { axeFindings, fitsIn, hubBinary, isLive, openBrowser, openPage, rowOf } from "./browser.mjs";
import { finding, healthy, manyClients } from "./clients.mjs";
import { Hub, freePorts } from "./hub.mjs";

const admin = "anna";
const password = "correct horse 42";
const viewer = "vera";
// What the browser itself writes into its console of refusals.
const refused = /40[0139]|WebSocket connection/;

const alertsFile = (port) => `[[channel]]
name = "dead-end"
kind = "webhook"
url = "http://127.0.0.1:${port}/hook"

[[rule]]
name = "leaks"
on = "state"
states = ["danger"]
channels = ["dead-end"]
delay_s = 5
remind_minutes = 30

[[maintenance]]
name = "sunday-updates"
clients = ["camera-*"]
weekly = "Sun 02:00-04:00"
reason = "The camera updates itself"
`;

let folder;
let hub;
let browser;

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), `vs${process.pid}-alerts-`));
  const file = path.join(folder, "alerts.toml");
  const [nobodyListens] = await freePorts(1);
  await writeFile(file, alertsFile(nobodyListens));
  hub = await Hub.start(hubBinary, {
    VPN_SENTINEL_ADMIN_USER: admin,
    VPN_SENTINEL_ADMIN_PASSWORD: password,
    VPN_SENTINEL_ALERTS_FILE: file,
  });
  browser = await openBrowser();
  for (const [id, report] of manyClients()) await hub.report(id, report);
  await hub.report("shed", healthy(0, { group: "builders", state: "danger", findings: [finding("ipv6_outside", "danger", { device: "eth0" })] }));
  await makeViewer();
});

after(async () => {
  await browser?.close();
  await hub?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const field = (page, label) => page.getByLabel(label, { exact: true });
const choice = (page, name) => page.getByRole("combobox", { name, exact: true });
const button = (page, name) => page.getByRole("button", { name, exact: true });
const panel = (page, id) => page.locator(`#${id}`);

async function logIn(page, user = admin) {
  await field(page, "User").fill(user);
  await field(page, "Password").fill(password);
  await field(page, "Password").press("Enter");
  await isLive(page);
}

async function open(hash, { user = admin, ...more } = {}) {
  const opened = await openPage(browser, hub.page + hash, { expected: refused, ...more });
  opened.page.on("dialog", (dialog) => dialog.accept());
  await logIn(opened.page, user);
  return opened;
}

async function makeViewer() {
  const { page, close } = await open("#/settings/users");
  await field(page, "Name").fill(viewer);
  await choice(page, "Role").selectOption("viewer");
  await field(page, "Password").fill(password);
  await field(page, "Password again").fill(password);
  await button(page, "Make a user").click();
  await choice(page, `Role of ${viewer}`).waitFor();
  await close();
}

async function incidentOf(client) {
  const [incident] = (await hub.ask(`/incidents?client=${client}`)).incidents;
  return { id: incident.id, hash: `#/incidents/${encodeURIComponent(client)}/${incident.id}` };
}

test("an incident is acknowledged with a note, everybody sees it, and it can be taken back", async () => {
  const { id, hash } = await incidentOf("office-vpn");
  const { page, close } = await open(hash);
  await panel(page, "acknowledgement").getByText("Nobody has.").waitFor();
  await field(page, "Note (may be empty)").fill("The line is being repaired <b>now</b>");
  await button(page, "Acknowledge").click();
  await button(page, "Take it back that it is acknowledged").waitFor();
  await page.reload();
  await panel(page, "acknowledgement").getByText(`by ${admin}, `).waitFor();
  await panel(page, "acknowledgement").getByText("The line is being repaired <b>now</b>", { exact: true }).waitFor();
  assert.equal((await hub.ask(`/incidents/${id}`)).acknowledged.by, admin);
  await page.goto(`${hub.page}#/incidents`);
  await page.locator(".incidents tr", { hasText: "office-vpn" }).getByText(`acknowledged by ${admin}`).waitFor();
  const [download] = await Promise.all([page.waitForEvent("download"), button(page, "Export CSV").click()]);
  const csv = await readFile(await download.path(), "utf8");
  assert.match(csv.split("\n").find((line) => line.startsWith(`${id},`)), new RegExp(`,"${admin}","2`));
  await page.goto(hub.page + hash);
  await button(page, "Take it back that it is acknowledged").click();
  await panel(page, "acknowledgement").getByText("Nobody has.").waitFor();
  assert.equal((await hub.ask(`/incidents/${id}`)).acknowledged, null);
  await close();
});

test("a comment of several lines stays, as text; an empty or too long one is refused at its field", async () => {
  const { id, hash } = await incidentOf("lab-seedbox");
  const { page, close } = await open(hash);
  await button(page, "Comment").click();
  await page.getByRole("alert").getByText("The comment is empty").waitFor();
  await page.waitForFunction(() => document.activeElement.name === "text");
  // 1200 letters of two bytes each: the page counts letters, the hub bytes.
  await field(page, "Your comment").fill("ä".repeat(1200));
  await button(page, "Comment").click();
  await page.getByRole("alert").getByText("text: expected a text of 1 to 2000 bytes").waitFor();
  await field(page, "Your comment").fill("First line\n<img src=x onerror=alert(1)>");
  await button(page, "Comment").click();
  const comments = page.locator(".comments li");
  await comments.filter({ hasText: "First line" }).waitFor();
  assert.equal(await field(page, "Your comment").inputValue(), "");
  await page.reload();
  await comments.filter({ hasText: "<img src=x onerror=alert(1)>" }).waitFor();
  assert.equal(await comments.count(), 1);
  assert.equal(await comments.locator("img").count(), 0);
  assert.equal((await hub.ask(`/incidents/${id}`)).comments[0].text, "First line\n<img src=x onerror=alert(1)>");
  await close();
});

test("a client is muted for an hour on its incident's page, and its messages are wanted again on the page of alerts", async () => {
  const { id, hash } = await incidentOf("office-vpn");
  const { page, close } = await open(hash);
  await panel(page, "messages").getByText("No mute.").waitFor();
  await choice(page, "How long").selectOption("60");
  await field(page, "Reason (may be empty)").fill("Known for long");
  await button(page, "Mute").click();
  await panel(page, "messages").getByText(`muted by ${admin}, until`).waitFor();
  await page.reload();
  await panel(page, "messages").getByText("Known for long").waitFor();
  const { muted, muted_until: until } = await hub.ask(`/incidents/${id}`);
  assert.equal(muted, true);
  assert.ok(Date.parse(until) > Date.now() && Date.parse(until) <= Date.now() + 3_600_000);
  await page.goto(`${hub.page}#/settings/alerts`);
  await button(page, "Tell again of office-vpn").click();
  await panel(page, "mutes").getByText("None.", { exact: true }).waitFor();
  assert.equal((await hub.ask(`/incidents/${id}`)).muted, false);
  await close();
});

test("the mute of a group is told on the incident of its member", async () => {
  const { page, close } = await open("#/settings/alerts");
  await page.getByText("Mute a client or a group").click();
  await field(page, "Client or group").fill("no such:thing");
  await button(page, "Mute").click();
  await page.getByRole("alert").getByText("subject: expected a client id, or group:NAME").waitFor();
  await field(page, "Client or group").fill("group:builders");
  await choice(page, "How long").selectOption("Until somebody takes it back");
  await button(page, "Mute").click();
  await button(page, "Tell again of group:builders").waitFor();
  await page.goto(`${hub.page}#/`);
  for (const member of ["shed", "build-agent-1"]) await rowOf(page, member).getByText("muted", { exact: true }).waitFor();
  assert.equal(await rowOf(page, "backup-nas").getByText("muted", { exact: true }).count(), 0);
  await page.goto(`${hub.page}#/clients/shed`);
  await page.locator("h1").getByText("muted", { exact: true }).waitFor();
  const { hash } = await incidentOf("shed");
  await page.goto(hub.page + hash);
  await panel(page, "messages").getByText("until somebody takes it back").first().waitFor();
  await button(page, "Tell again of group:builders").click();
  await panel(page, "messages").getByText("No mute.").waitFor();
  await close();
});

test("the page of alerts tells what the file says and which channel fails; a window is announced and ended", async () => {
  const { page, close } = await open("#/settings/alerts");
  await panel(page, "channels").getByText("does not take messages:").waitFor();
  const rule = panel(page, "rules").locator("li", { hasText: "leaks" });
  for (const text of ["from the file", "Delay: 5 s", "Remind: 30 min", "Channels: dead-end"]) await rule.getByText(text).waitFor();
  const weekly = panel(page, "maintenance").locator("li", { hasText: "sunday-updates" });
  await weekly.getByText("each week Sun 02:00-04:00").waitFor();
  await weekly.getByText("The camera updates itself").waitFor();
  assert.equal(await weekly.getByRole("button").count(), 0);
  await page.getByText("Announce one").click();
  await field(page, "Name").fill("new-router");
  await field(page, "Clients").fill("home-*, media-server");
  await button(page, "Announce").click();
  await page.getByRole("alert").getByText("A day and a time are missing").waitFor();
  await field(page, "From").fill("2030-01-02T10:00");
  await field(page, "To").fill("2030-01-02T09:00");
  await button(page, "Announce").click();
  await page.getByRole("alert").getByText("to: expected a time after").waitFor();
  await field(page, "To").fill("2030-01-02T12:00");
  await button(page, "Announce").click();
  await button(page, "End new-router").waitFor();
  await page.reload();
  await panel(page, "maintenance").locator("li", { hasText: "new-router" }).getByText("home-* media-server").waitFor();
  const [window] = (await hub.ask("/maintenance")).maintenance.filter((each) => each.name === "new-router");
  assert.equal(Date.parse(window.from), Date.parse("2030-01-02T08:00:00Z")); // the browser's clock is that of Bucharest
  assert.equal(window.by, admin);
  await button(page, "End new-router").click();
  await button(page, "End new-router").waitFor({ state: "detached" });
  await close();
});

test("a rule that the API made can be removed, one of the file cannot", async () => {
  const { page, close } = await open("#/settings/alerts");
  const status = await page.evaluate(async () => {
    const { csrf } = await (await fetch("/api/v1/session")).json();
    const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf };
    const rule = { name: "silence", on: "silence", delay_s: 600 };
    return (await fetch("/api/v1/rules/silence", { method: "PUT", headers, body: JSON.stringify(rule) })).status;
  });
  assert.equal(status, 200);
  await page.reload();
  await button(page, "Remove silence").waitFor();
  assert.equal(await button(page, "Remove leaks").count(), 0);
  await button(page, "Remove silence").click();
  await button(page, "Remove silence").waitFor({ state: "detached" });
  await close();
});

test("a rule is tried on what has happened, made, changed and removed, and what is wrong with it is told at its field", async () => {
  const { page, close } = await open("#/settings/alerts");
  const rules = panel(page, "rules");
  const ruleNamed = async (name) => (await hub.ask("/rules")).rules.find((rule) => rule.name === name);
  await button(page, "Make a rule").click();
  await field(rules, "Name").fill("My rule");
  await button(page, "Save the rule").click();
  await page.getByRole("alert").getByText("1-32 signs out of a-z 0-9 -").waitFor();
  await field(rules, "Name").fill("red-alert");
  await page.getByRole("checkbox", { name: "Danger" }).check();
  await button(page, "Try it").click();
  await page.locator("#rule-trial").getByText(/would have sent [1-9][0-9]* messages?:/).waitFor();
  await page.locator("#rule-trial").getByRole("link", { name: "lab-seedbox" }).first().waitFor();
  assert.equal(await ruleNamed("red-alert"), undefined);
  await field(page, "Clients (empty: all)").fill("nobody-*");
  await button(page, "Try it").click();
  await page.locator("#rule-trial").getByText("would have sent 0 messages.").waitFor();
  await button(page, "Save the rule").click();
  await rules.getByText("The rule red-alert counts now.").waitFor();
  await button(page, "Change red-alert").click();
  assert.equal(await page.getByRole("checkbox", { name: "Danger" }).isChecked(), true);
  await field(page, "Wait before it is told, in seconds").fill("-1");
  await button(page, "Save the rule").click();
  await page.getByRole("alert").getByText("delay_s = -1: expected a whole number").waitFor();
  await page.waitForFunction(() => document.activeElement.name === "delay_s"); // the focus comes after the words
  await field(page, "Wait before it is told, in seconds").fill("60");
  await button(page, "Save the rule").click();
  await rules.locator("li", { hasText: "red-alert" }).getByText("Delay: 60 s").waitFor();
  const { source, states, clients, delay_s: delay } = await ruleNamed("red-alert");
  assert.deepEqual({ source, states, clients, delay }, { source: "api", states: ["danger"], clients: ["nobody-*"], delay: 60 });
  await button(page, "Remove red-alert").click();
  await button(page, "Remove red-alert").waitFor({ state: "detached" });
  await close();
});

test("a form of a rule asks for what its kind needs", async () => {
  const { page, close } = await open("#/settings/alerts");
  await button(page, "Make a rule").click();
  await page.waitForFunction(() => document.activeElement.name === "name");
  for (const [kind, label] of [
    ["finding", "Findings"],
    ["latency", "How unusual"],
    ["exposure", "Exposed for, in seconds"],
    ["address_changes", "Within, in minutes"],
  ]) {
    await choice(page, "What it is about").selectOption(kind);
    await field(page, label).waitFor();
    assert.equal(await page.getByRole("checkbox", { name: "Danger" }).count(), 0, kind);
  }
  await button(page, "Cancel").click();
  await button(page, "Make a rule").waitFor();
  await close();
});

test("a test by a channel tells what came of it", async () => {
  const { page, close } = await open("#/settings/alerts");
  await button(page, "Send a test by dead-end").click();
  await panel(page, "channels").getByText(/^Not taken: /).waitFor();
  await close();
});

test("who may only look sees all of it, and nothing to press", async () => {
  const { hash } = await incidentOf("office-vpn");
  const { page, close } = await open(hash, { user: viewer });
  await panel(page, "messages").getByText("No mute.").waitFor();
  for (const id of ["acknowledgement", "comments", "messages"]) {
    assert.equal(await panel(page, id).locator("button, input, textarea, select").count(), 0, id);
  }
  await page.goto(`${hub.page}#/settings/alerts`);
  await panel(page, "rules").getByText("leaks").waitFor();
  await panel(page, "maintenance").getByText("sunday-updates").waitFor();
  await panel(page, "mutes").getByText("None.", { exact: true }).waitFor();
  assert.equal(await page.locator("main .panel").locator("button, input, summary").count(), 0);
  await close();
});

test("neither page is wider than a small phone, and axe-core finds nothing in either theme", async () => {
  const { hash } = await incidentOf("lab-seedbox");
  const wrong = [];
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [360, 1280]) {
      const { page, close } = await open(hash, { width, height: 780, colorScheme });
      await panel(page, "messages").getByText("No mute.").waitFor();
      const look = async (name) => {
        await fitsIn(page, width);
        wrong.push(...(await axeFindings(page)).map((each) => `${name} ${width} px ${colorScheme}: ${each}`));
      };
      await look("incident");
      await page.goto(`${hub.page}#/settings/alerts`);
      await panel(page, "mutes").getByText("None.", { exact: true }).waitFor();
      for (const what of ["Announce one", "Mute a client or a group", "Make a rule", "More"]) await page.getByText(what, { exact: true }).click();
      await look("alerts");
      await close();
    }
  }
  assert.deepEqual(wrong, []);
});
