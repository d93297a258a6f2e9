// Nobody reports yet: the exact command that changes that.

import { apiAddress, apiPathOption, isAtLeast } from "../model/session";
import type { About } from "../model/types";
import { useStore } from "../store";
import { NewProbe } from "./new_probe";

function command(about: About): string {
  return `export VPN_SENTINEL_API_KEY=…   # the hub's key, if it has one\nvpn-sentinel-probe run --url ${apiAddress(about, location.hostname)}${apiPathOption(about)} --netns name:vpn --client-id my-vpn`;
}

export function Empty() {
  const { about, session } = useStore();
  const mayEnrol = isAtLeast(session, "operator") && about?.api_port !== 0;
  return (
    <section id="empty" class="empty">
      <h2>No client yet</h2>
      <p>Start a probe on the machine that runs the VPN. It appears here within a second.</p>
      {about?.api_port === 0 ? (
        <p class="failure">The API of this hub is switched off (VPN_SENTINEL_SERVER_API_PORT=0): no probe can report.</p>
      ) : (
        <pre tabIndex={0} aria-label="Command that starts a probe">
          <code id="command">{about ? command(about) : "…"}</code>
        </pre>
      )}
      {mayEnrol && (
        <>
          <h3>With a key of its own</h3>
          <p>Make a code: the probe fetches its key with it and writes it into its settings.</p>
          <NewProbe />
        </>
      )}
      <p class="quiet">
        A client of the Python VPNSentinel works too: point its <code>VPN_SENTINEL_URL</code> at this hub. It cannot see routes, so its best
        light is yellow.
      </p>
    </section>
  );
}
