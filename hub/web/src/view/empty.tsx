// Nobody reports yet: the exact command that changes that, with a fresh key for who may make one.

import type { ComponentChildren } from "preact";

import { accountAddress } from "../model/place";
import { apiAddress, apiPathOption, isAtLeast, type Session } from "../model/session";
import type { About } from "../model/types";
import { useStore } from "../store";
import { NewProbe } from "./new_probe";

const firstClient = "my-vpn";

const runCommand = (about: About): string =>
  `export VPN_SENTINEL_API_KEY=…   # its key, unless the hub asks for none\nvpn-sentinel-probe run --url ${apiAddress(about, location.hostname)}${apiPathOption(about)} --netns name:vpn --client-id ${firstClient}`;

function WhoMakesKeys({ session }: { session: Session | null }) {
  if (session?.user) return <p>Its key is made by users who are operators or admins: ask one of them for a one-time code.</p>;
  return (
    <p>
      A fresh key for it is made here by operators and admins, and nobody has logged in as one.{" "}
      {session?.setup_possible && (
        <>
          <a href={accountAddress}>Set up log-in</a>, or make it on the machine of the hub:{" "}
          <code>
            vpn-sentinel-hub key add {firstClient} --clients {firstClient}
          </code>
        </>
      )}
    </p>
  );
}

function ByHand({ children }: { children: ComponentChildren }) {
  return (
    <pre tabIndex={0} aria-label="Command that starts a probe">
      <code id="command">{children}</code>
    </pre>
  );
}

function HowTo({ about, session, made }: { about: About; session: Session | null; made: () => void }) {
  if (about.api_port === 0)
    return <p class="failure">The API of this hub is switched off (VPN_SENTINEL_SERVER_API_PORT=0): no probe can report.</p>;
  if (!isAtLeast(session, "operator"))
    return (
      <>
        <ByHand>{runCommand(about)}</ByHand>
        <WhoMakesKeys session={session} />
      </>
    );
  return (
    <>
      <p>Make a code: the command that is shown then fetches a fresh key with it and writes it into the probe's settings.</p>
      <NewProbe client={firstClient} made={made} />
      <details>
        <summary>With a key that you have already</summary>
        <ByHand>{runCommand(about)}</ByHand>
      </details>
    </>
  );
}

interface EmptyProps {
  /** Somebody reports by now: it stays for the code that it shows. */
  reported: boolean;
  made: () => void;
  close: () => void;
}

export function Empty({ reported, made, close }: EmptyProps) {
  const { about, session } = useStore();
  return (
    <section id="empty" class="empty">
      <h2>{reported ? "A new probe" : "No client yet"}</h2>
      <p>Start a probe on the machine that runs the VPN. It appears here within a second.</p>
      {about ? <HowTo about={about} session={session} made={made} /> : <p>…</p>}
      {reported && (
        <p class="acts">
          <button type="button" onClick={close}>
            Close
          </button>
        </p>
      )}
      <p class="quiet">
        A client of the Python VPNSentinel works too: point its <code>VPN_SENTINEL_URL</code> at this hub. It cannot see routes, so its best
        light is yellow.
      </p>
    </section>
  );
}
