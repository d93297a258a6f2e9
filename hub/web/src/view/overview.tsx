// The first page: is anything wrong, and with whom.

import { useEffect, useRef, useState } from "preact/hooks";

import { groupsOf, select, sortKeys, tagsOf, wholeView, type Shown, type SortKey, type View } from "../model/filter";
import { counted } from "../model/times";
import { changeText, states, stateText } from "../model/words";
import { useStore } from "../store";
import { remember, remembered } from "../theme";
import { Tiles } from "./client_tiles";
import { ClientTable } from "./client_table";
import { Empty } from "./empty";
import { useGradual } from "./gradual";
import { HubLine } from "./hub_line";
import { useMutes } from "./mutes";
import { Light, Name, Panel } from "./parts";
import { Ago } from "./ticking";
import { Verdict } from "./verdict";

const layoutKey = "vpn-sentinel-layout";
// A table of nine columns needs this much; below it everybody has tiles.
const wideEnough = "(min-width: 900px)";

interface CardsProps {
  totals: Record<string, number>;
  groups: Record<string, number>;
  chosen: string[];
  toggle: (state: string | null) => void;
}

const sum = (totals: Record<string, number>): number => Object.values(totals).reduce((whole, count) => whole + count, 0);

/** A group is none of the clients that are counted, and is found by the same card. */
const Groups = ({ count }: { count?: number }) => (count ? <span class="also">+ {counted(count, "group")}</span> : null);

/** Each card is also the filter for its state. */
function Cards({ totals, groups, chosen, toggle }: CardsProps) {
  const others = Object.keys({ ...totals, ...groups }).filter((state) => !(state in states));
  const order = ["secure", "warning", "contained", "danger", "offline", ...others];
  return (
    <ul id="totals" class="cards" aria-label="Clients by state; each is a filter">
      <li>
        <button type="button" class="card" data-state="all" aria-pressed={chosen.length === 0} onClick={() => toggle(null)}>
          <span class="count">{sum(totals)}</span>
          <span class="name">Total</span>
          <Groups count={sum(groups)} />
        </button>
      </li>
      {order.map((state) => (
        <li key={state}>
          <button
            type="button"
            class="card"
            data-state={totals[state] || groups[state] ? state : "nobody"}
            aria-pressed={chosen.includes(state)}
            onClick={() => toggle(state)}
          >
            <span class="count">{totals[state] ?? 0}</span>
            <span class="name">
              <span aria-hidden="true">{stateText(state).sign}</span> {stateText(state).word}
            </span>
            <Groups count={groups[state]} />
          </button>
        </li>
      ))}
    </ul>
  );
}

interface ToolsProps {
  view: View;
  groups: string[];
  tags: string[];
  layout: string;
  change: (part: Partial<View>) => void;
  setLayout: (layout: string) => void;
}

interface PickProps {
  name: string;
  none: string;
  from: string[];
  value: string;
  choose: (value: string) => void;
}

/** One of what there is, or all; nothing where there is none. */
function Pick({ name, none, from, value, choose }: PickProps) {
  if (from.length === 0 && !value) return null;
  return (
    <label>
      <span class="hidden">{name}</span>
      <select value={value} onChange={(event) => choose(event.currentTarget.value)}>
        <option value="">{none}</option>
        {from.map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </select>
    </label>
  );
}

function Tools({ view, groups, tags, layout, change, setLayout }: ToolsProps) {
  const search = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const typing = event.target instanceof HTMLElement && /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
      if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      search.current?.focus();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  const value = (event: Event): string => (event.currentTarget as HTMLInputElement | HTMLSelectElement).value;
  return (
    <div class="tools" role="search">
      <label class="grow">
        <span class="hidden">Search clients</span>
        <input
          ref={search}
          type="search"
          placeholder="Search name, address, country, finding…  ( / )"
          value={view.text}
          maxLength={200}
          onInput={(event) => change({ text: value(event) })}
        />
      </label>
      <Pick name="Group" none="All groups" from={groups} value={view.group} choose={(group) => change({ group })} />
      <Pick name="Tag" none="All tags" from={tags} value={view.tag} choose={(tag) => change({ tag })} />
      <label>
        <span class="hidden">Order</span>
        <select value={view.sort} onChange={(event) => change({ sort: value(event) as SortKey })}>
          {Object.entries(sortKeys).map(([key, name]) => (
            <option key={key} value={key}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <div class="switch wide-only" role="group" aria-label="Layout">
        {["table", "tiles"].map((each) => (
          <button key={each} type="button" aria-pressed={layout === each} onClick={() => setLayout(each)}>
            {each === "table" ? "Table" : "Tiles"}
          </button>
        ))}
      </div>
    </div>
  );
}

function useWide(): boolean {
  const [wide, setWide] = useState(() => matchMedia(wideEnough).matches);
  useEffect(() => {
    const query = matchMedia(wideEnough);
    const follow = (): void => setWide(query.matches);
    query.addEventListener("change", follow);
    return () => query.removeEventListener("change", follow);
  }, []);
  return wide;
}

function Changes() {
  const { fleet, live } = useStore();
  return (
    <Panel title="Latest changes">
      {fleet.changes.length === 0 && <p class="quiet">Nothing has changed since this page was opened.</p>}
      <div role="log" aria-live="polite" aria-label="Latest changes">
        <ol id="changes" class="changes">
          {fleet.changes.map((change) => (
            <li key={`${change.client_id} ${change.at} ${change.kind} ${change.noticed}`}>
              <Ago at={change.at} />
              <Light state={change.to} current={live} />
              <span>
                <strong>
                  <Name id={change.client_id} />
                </strong>{" "}
                {changeText(change)}
              </span>
            </li>
          ))}
        </ol>
      </div>
    </Panel>
  );
}

function Legend() {
  return (
    <details class="legend">
      <summary>What the lights mean</summary>
      <dl>
        {Object.entries(states).map(([state, text]) => [
          <dt key={state}>
            <Light state={state} current={true} />
          </dt>,
          <dd key={`${state} `}>{text.meaning}</dd>,
        ])}
      </dl>
    </details>
  );
}

// Kept while somebody looks at a client and comes back.
let lastView: View = wholeView;

export function Overview() {
  const store = useStore();
  const [view, setView] = useState<View>(lastView);
  const [layout, setLayout] = useState(() => remembered(layoutKey) ?? "table");
  // A code is shown once: whoever reports meanwhile does not take it from the screen.
  const [codeShown, setCodeShown] = useState(false);
  const wide = useWide();
  const change = (part: Partial<View>): void => setView((before) => (lastView = { ...before, ...part }));
  const toggle = (state: string | null): void =>
    change({
      states: state === null ? [] : view.states.includes(state) ? view.states.filter((each) => each !== state) : [...view.states, state],
    });
  const choose = (chosen: string): void => {
    remember(layoutKey, chosen);
    setLayout(chosen);
  };
  const now = store.clock.now();
  const clients = [...store.fleet.clients.values()];
  const all: Shown[] = clients.map((client) => store.shown(client));
  const mutes = useMutes();
  const chosen = select(all, view);
  const [drawn, rest] = useGradual(chosen.length);
  const seen = chosen.slice(0, drawn);
  const empty = (
    <Empty key="empty" reported={clients.length > 0} made={() => setCodeShown(true)} close={() => setCodeShown(false)} />
  );
  if (clients.length === 0)
    return (
      <>
        <h1 class="hidden">Overview</h1>
        {store.lastHeard !== null ? empty : <p class="starting">Not live: connecting…</p>}
      </>
    );
  return (
    <>
      <h1 class="hidden">Overview</h1>
      {codeShown && empty}
      <Verdict all={all} />
      <Cards totals={store.fleet.totals(now)} groups={store.fleet.groupTotals(now)} chosen={view.states} toggle={toggle} />
      <HubLine />
      <section id="fleet" aria-labelledby="fleet-title">
        <h2 id="fleet-title" class="hidden">
          Clients
        </h2>
        <Tools view={view} groups={groupsOf(clients)} tags={tagsOf(clients)} layout={layout} change={change} setLayout={choose} />
        <p class="quiet small" role="status">
          {chosen.length === all.length ? "" : `${chosen.length} of ${all.length} shown`} {mutes.trouble}
        </p>
        {chosen.length === 0 ? (
          <p class="nothing">
            No client matches.{" "}
            <button type="button" onClick={() => change({ ...wholeView, sort: view.sort })}>
              Show all
            </button>
          </p>
        ) : wide && layout === "table" ? (
          <ClientTable shown={seen} live={store.live} muted={mutes.of} />
        ) : (
          <Tiles shown={seen} live={store.live} muted={mutes.of} />
        )}
        {rest}
      </section>
      <Changes />
      <Legend />
    </>
  );
}
