// The dashboard as it looks, from the lab's clients: run BUILD pictures FOLDER. Those of README and guides, and each page to be looked at.
import { mkdir } from "node:fs/promises";
import path from "node:path";

import { hubBinary, isLive, openBrowser, openPage, rowOf, settled } from "./browser.mjs";
import { manyClients } from "./clients.mjs";
import { flowAnswers } from "./flows.mjs";
import { Hub, startServices } from "./hub.mjs";

const folder = path.resolve(process.argv[2]);
const pages = {
  overview: "#/",
  client: "#/clients/office-vpn",
  group: "#/clients/group%3Abuilders",
  incidents: "#/incidents",
  connections: "#/connections",
  reliability: "#/reliability",
  hub: "#/settings/hub",
  alerts: "#/settings/alerts",
};
// What README and guides show of them.
const shown = { overview: "light", client: "dark" };

await mkdir(folder, { recursive: true });
const services = await startServices();
const hub = await Hub.start(hubBinary, services.settings);
let browser;
try {
  for (const [id, report] of manyClients()) await hub.report(id, report);
  browser = await openBrowser();
  for (const colorScheme of ["light", "dark"]) {
    for (const [width, height] of [
      [1280, 860],
      [360, 780],
    ]) {
      const { page, close } = await openPage(browser, hub.page, { width, height, colorScheme });
      await page.route("**/api/v1/connections/**", (route) => route.fulfill({ json: flowAnswers(route.request().url()) }));
      await rowOf(page, "attic-pi").getByText("Offline").first().waitFor();
      for (const [name, hash] of Object.entries(pages)) {
        await page.goto(hub.page + hash);
        await isLive(page);
        await page.locator("h1").waitFor({ state: "attached" });
        await settled(page);
        await page.screenshot({ path: path.join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: true });
        if (width > 1000 && shown[name] === colorScheme) await page.screenshot({ path: path.join(folder, `dashboard-${name}.png`) });
      }
      await close();
    }
  }
} finally {
  await browser?.close();
  await hub.stop();
  services.close();
}
