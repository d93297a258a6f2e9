// The frame around all pages: navigation, whether the page is live, theme.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import { logOut } from "../api";
import { accountAddress, overviewAddress, placeOf, settingsAddress, type Place } from "../model/place";
import { mayRead, viewerOf, type Session } from "../model/session";
import { duration, viewersZone } from "../model/times";
import { worstText } from "../model/verdict";
import { useStore, store } from "../store";
import { applyTheme, chosenTheme, type Theme } from "../theme";
import { AccountPage } from "./account_page";
import { ClientPage } from "./client_page";
import { ConnectionsPage } from "./connections_page";
import { Door } from "./door";
import { IncidentPage } from "./incident_page";
import { IncidentsPage } from "./incidents_page";
import { Lazy } from "./lazy";
import { Overview } from "./overview";
import { Wall } from "./wall";

const pages: [string, string, Place["page"][]][] = [
  [overviewAddress, "Overview", ["overview", "client"]],
  ["#/incidents", "Incidents", ["incidents", "incident"]],
  ["#/connections", "Connections", ["connections"]],
  ["#/reliability", "Reliability", ["reliability"]],
  ["#/wall", "Wall", ["wall"]],
  [settingsAddress(), "Settings", ["settings"]],
];

// Loaded only by who opens them.
const askReliabilityPage = () => import("./reliability_page").then((module) => module.ReliabilityPage);
const askSettings = () => import("./settings").then((module) => module.Settings);

function usePlace(): Place {
  const [place, setPlace] = useState(() => placeOf(location.hash));
  useEffect(() => {
    const follow = (): void => setPlace(placeOf(location.hash));
    addEventListener("hashchange", follow);
    // It may have changed since this was drawn first.
    follow();
    return () => removeEventListener("hashchange", follow);
  }, []);
  return place;
}

/** "Live", or since when not. Its own text ticks; the announcement is made once per change. */
function Connection() {
  const { live, lastHeard } = useStore();
  const text = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    const tick = (): void => {
      if (!text.current) return;
      const silent = lastHeard === null ? "" : ` (last heard ${duration(store.clock.now() - lastHeard)} ago)`;
      text.current.textContent = live ? "" : silent;
    };
    tick();
    return store.onTick(tick);
  }, [live, lastHeard]);
  return (
    <p id="connection" class="connection" data-live={live ? "yes" : "no"}>
      <span class="dot" aria-hidden="true" />
      <span role="status">{live ? "Live" : lastHeard === null ? "Not live: connecting…" : "Not live: reconnecting…"}</span>
      <span ref={text} class="quiet" />
    </p>
  );
}

function ThemeSwitch() {
  const [theme, setTheme] = useState<Theme>(chosenTheme());
  const choose = (event: Event): void => {
    const chosen = (event.currentTarget as HTMLSelectElement).value as Theme;
    applyTheme(chosen);
    setTheme(chosen);
  };
  return (
    <label class="theme">
      <span class="hidden">Colours</span>
      <select value={theme} onChange={choose}>
        <option value="system">System</option>
        <option value="light">Light</option>
        <option value="dark">Dark</option>
      </select>
    </label>
  );
}

/** Who is logged in, and the way out. A log-in that a proxy made does not end here. */
function Who({ session }: { session: Session }) {
  const [error, setError] = useState<Error | null>(null);
  const { user } = session;
  if (!user) return session.setup_possible ? <a href={accountAddress}>Set up log-in</a> : null;
  const leave = (): void => {
    setError(null);
    logOut()
      .then(() => store.setSession({ state: "login", user: null, csrf: null, setup_possible: false }, true))
      .catch(setError);
  };
  return (
    <p class="who">
      <a href={accountAddress}>{user.name}</a> <span class="badge">{user.role}</span>
      {user.by === "session" && (
        <button type="button" onClick={leave}>
          Log out
        </button>
      )}
      {error && (
        <span class="failure" role="alert">
          Not logged out: {error.message}
        </span>
      )}
    </p>
  );
}

function Page({ place }: { place: Place }) {
  switch (place.page) {
    case "client":
      return <ClientPage key={place.id} id={place.id} />;
    case "incidents":
      return <IncidentsPage key={`${place.client}${place.open}`} client={place.client} open={place.open} />;
    case "incident":
      return <IncidentPage key={place.id} id={place.id} client={place.client} />;
    case "connections":
      return <ConnectionsPage />;
    case "reliability":
      return <Lazy what="The page" load={askReliabilityPage} props={{}} />;
    case "settings":
      return <Lazy what="The settings" load={askSettings} props={{ part: place.part }} />;
    case "account":
      return <AccountPage />;
    default:
      return <Overview />;
  }
}

/** What the tab says: that the page is not live, or what is worst. */
function title(): string {
  if (!mayRead(store.session)) return "VPN Sentinel";
  if (!store.live) return "(not live) VPN Sentinel";
  const now = store.clock.now();
  const worst = worstText(store.fleet.totals(now), store.fleet.groupTotals(now));
  return worst ? `${worst} – VPN Sentinel` : "VPN Sentinel";
}

function Frame({ session }: { session: Session }) {
  const { live, lastHeard, about } = useStore();
  const place = usePlace();
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  useLayoutEffect(() => {
    if (first.current) first.current = false;
    else {
      main.current?.focus();
      scrollTo(0, 0);
    }
  }, [JSON.stringify(place)]);
  if (place.page === "wall") return <Wall />;
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        To the content
      </a>
      <header class="top">
        <a class="brand" href={overviewAddress}>
          <img src="/favicon.svg" alt="" width="26" height="26" />
          <span>VPN Sentinel</span>
        </a>
        <nav aria-label="Pages">
          {pages.map(([address, name, shown]) => (
            <a key={address} href={address} aria-current={shown.includes(place.page) ? "page" : undefined}>
              {name}
            </a>
          ))}
        </nav>
        <Connection />
        <Who session={session} />
        <ThemeSwitch />
      </header>
      {!live && lastHeard !== null && (
        <p id="stale" class="notice">
          Not live. What you see is the past: no light has its colour until the hub answers again.
        </p>
      )}
      <main id="main" ref={main} tabIndex={-1}>
        <Page place={place} />
      </main>
      <footer>
        VPN Sentinel {about?.version ?? ""} · times in {viewersZone()} · <a href="/licences.txt">Licences</a> ·{" "}
        <a href="/api/v1/openapi.json">API</a>
      </footer>
    </>
  );
}

/** Until the hub has said that the viewer may look, and when his log-in ends, no page is there at all. */
export function App() {
  const { live, session } = useStore();
  useEffect(() => {
    document.title = title();
  });
  useEffect(() => {
    document.body.dataset.live = live ? "yes" : "no";
  }, [live]);
  if (session === null)
    return (
      <p class="starting" role="status">
        VPN Sentinel: not live, the hub has not answered yet.
      </p>
    );
  return mayRead(session) ? <Frame key={viewerOf(session)} session={session} /> : <Door key={session.state} session={session} />;
}
