// Who talks to whom, and by which way: what is outside the tunnel first and in red.

import { useState } from "preact/hooks";

import { ApiError, askActive, askFlowMap, askFlowStats, type FlowFilter } from "../api";
import {
  bytesOf,
  bytesUnknown,
  openedOverTime,
  ratesOverTime,
  type ActiveFlows,
  type FlowMap,
  type FlowStats,
  type Traffic,
  type TrafficByWay,
} from "../model/flows";
import { keptLater } from "../model/peers";
import { hasNumbers } from "../model/series";
import { byteText, counted } from "../model/times";
import { countryName } from "../model/words";
import { useStore } from "../store";
import { Active } from "./active_flows";
import { useAnswer } from "./ask";
import { Chart, rate, whole } from "./charts";
import { MapView } from "./map";
import { Failure, Panel, Time } from "./parts";
import { Standing } from "./standing";

const spans: [string, number][] = [
  ["1 hour", 1],
  ["6 hours", 6],
  ["1 day", 24],
  ["1 week", 168],
  ["1 month", 744],
];
const period = 10_000;
const listed = 200;

function amount(traffic: Traffic): string {
  if (bytesUnknown(traffic)) return "not counted";
  return `${traffic.uncounted > 0 ? "at least " : ""}${byteText(bytesOf(traffic))}`;
}

/** The exact command that makes a probe tell of connections. */
function Nobody() {
  const { about } = useStore();
  const hub = `${about?.api_tls ? "https" : "http"}://${location.hostname}:${about?.api_port ?? 5000}`;
  return (
    <section class="empty" id="no-connections">
      <h2>No connections are told</h2>
      <p>That does not mean that there are none: no probe tells of them at the moment. Start one with</p>
      <pre tabIndex={0} aria-label="Command that makes a probe tell of connections">
        <code>{`vpn-sentinel-probe run --url ${hub} --netns name:vpn --connections auto`}</code>
      </pre>
      <p class="quiet">
        How much it tells of far ends is set by <code>--destinations</code>: full, prefix, country or none.
      </p>
    </section>
  );
}

/** What is older was removed for room: less in a picture is then no less in the world. */
function KeptSince({ from, since }: { from: string; since?: string }) {
  if (since === undefined || !keptLater(from, since)) return null;
  return (
    <p class="quiet" id="kept-since">
      Complete only since <Time at={since} />: what was before has been removed, or was never told.
    </p>
  );
}

function Top({ title, rows }: { title: string; rows: ({ name: string } & TrafficByWay)[] }) {
  const most = Math.max(1, ...rows.map((row) => bytesOf(row.tunnel) + bytesOf(row.outside) + bytesOf(row.other)));
  const part = (traffic: Traffic) => ({ width: `${(100 * bytesOf(traffic)) / most}%` });
  return (
    <Panel title={title}>
      {rows.length === 0 ? (
        <p class="quiet">Nothing in this time.</p>
      ) : (
        <div class="scroll" role="region" aria-label={`${title}, a table`} tabIndex={0}>
          <table class="top-list">
            <thead>
              <tr>
                {["Name", "Outside", "Tunnel", "Other"].map((name) => (
                  <th key={name} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={row.name} data-outside={row.outside.opened > 0 || bytesOf(row.outside) > 0 ? "yes" : "no"}>
                  <th scope="row">
                    {row.name}
                    <span class="share" aria-hidden="true">
                      <i class="outside" style={part(row.outside)} />
                      <i class="tunnel" style={part(row.tunnel)} />
                      <i style={part(row.other)} />
                    </span>
                  </th>
                  <td>{amount(row.outside)}</td>
                  <td>{amount(row.tunnel)}</td>
                  <td>{amount(row.other)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

/** What happened and has no line on the map. What went outside is red here too. */
function NotOnMap({ map }: { map: FlowMap }) {
  const { outside, tunnel, other } = map.unplaced;
  const moved = (traffic: Traffic): boolean => traffic.opened > 0 || traffic.uncounted > 0 || bytesOf(traffic) > 0;
  const text = (traffic: Traffic): string => `${amount(traffic)} in ${counted(traffic.opened, "connection")}`;
  // The hub tells of those outside first.
  const cutOutside = map.arcs.every((arc) => arc.outside);
  return (
    <>
      {moved(outside) && (
        <p class="off-map" data-state="danger">
          Not on the map, outside the tunnel: {text(outside)} with countries that are not known.
        </p>
      )}
      {moved(tunnel) && <p class="quiet">Not on the map, by the tunnel: {text(tunnel)} with countries that are not known.</p>}
      {moved(other) && <p class="quiet">Not on the map, by other ways: {text(other)} with countries that are not known.</p>}
      {map.more && (
        <p class={cutOutside ? "off-map" : "quiet"} data-state={cutOutside ? "danger" : undefined}>
          There are more lines than the {map.arcs.length} that are drawn
          {cutOutside ? ", and some of those may be outside the tunnel." : "; all that are outside the tunnel are among them."}
        </p>
      )}
    </>
  );
}

/** What is missing in all of this is said beside it. */
function Gaps({ active, stats }: { active: ActiveFlows; stats: FlowStats | null }) {
  const lines = active.clients.filter((each) => each.why).map((each) => `${each.client_id}: ${each.why}`);
  for (const each of active.clients)
    if (!each.countries) lines.push(`${each.client_id}: its probe has no database of countries, so no arc is drawn for it`);
  if (active.left_out > 0) lines.push(`${counted(active.left_out, "client")} left out: the hub has no room for more`);
  const { folded = 0, lost = 0, batches = 0 } = stats?.gaps ?? {};
  if (folded > 0) lines.push(`${counted(folded, "row")} added up into others`);
  if (lost > 0) lines.push(`${counted(lost, "flow")} lost by a probe's sources`);
  if (batches > 0) lines.push(`${counted(batches, "batch").replace(/batchs$/, "batches")} given up unsent`);
  if (lines.length === 0) return null;
  return (
    <details class="notice-quiet">
      <summary>{counted(lines.length, "thing")} that could not be seen</summary>
      <ul>
        {lines.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </details>
  );
}

function Numbers({ active, stats, live }: { active: ActiveFlows; stats: FlowStats | null; live: boolean }) {
  const cards: [string, string, string][] = [
    ["Connections", String(active.total), "all"],
    ["Outside now", String(active.outside), active.outside > 0 && live ? "danger" : "nobody"],
    ["Way not known", stats ? String(stats.active.unknown) : "–", (stats?.active.unknown ?? 0) > 0 && live ? "warning" : "nobody"],
    ["By the tunnel", stats ? amount(stats.totals.tunnel) : "–", "nobody"],
    ["Outside the tunnel", stats ? amount(stats.totals.outside) : "–", "nobody"],
  ];
  return (
    <ul class="cards amounts">
      {cards.map(([name, value, state]) => (
        <li key={name} class="card" data-state={state}>
          <span class="count">{value}</span>
          <span class="name">{name}</span>
        </li>
      ))}
    </ul>
  );
}

function OverTime({ stats }: { stats: FlowStats }) {
  const [rates, opened] = [ratesOverTime(stats), openedOverTime(stats)];
  const span = { from: Date.parse(stats.from) / 1000, to: Date.parse(stats.to) / 1000 };
  const lines = [
    { name: "by the tunnel", colour: "--accent" },
    { name: "outside", colour: "--danger" },
    { name: "other", colour: "--quiet" },
  ];
  return (
    <Panel title="Over time">
      <KeptSince from={stats.from} since={stats.kept_since} />
      <div class="charts">
        {hasNumbers(rates) ? (
          <Chart title="Bytes per second" data={rates} word={rate} lines={lines} {...span} />
        ) : (
          <p class="quiet">No bytes were counted in this time.</p>
        )}
        {hasNumbers(opened) && (
          <Chart title={`Connections opened per ${stats.resolution}`} data={opened} word={whole} lines={lines} {...span} />
        )}
      </div>
    </Panel>
  );
}

export function ConnectionsPage() {
  const { fleet, live } = useStore();
  const [filter, setFilter] = useState<FlowFilter>({ hours: 24 });
  const change = (part: Partial<FlowFilter>): void => setFilter((before) => ({ ...before, ...part }));
  const key = JSON.stringify(filter);
  const active = useAnswer(key, (signal) => askActive(filter, listed, signal), period);
  const stats = useAnswer(key, (signal) => askFlowStats(filter, signal), period);
  const map = useAnswer(key, (signal) => askFlowMap(filter, signal), period);
  const ids = [...fleet.clients.values()]
    .filter((client) => !client.members)
    .map((client) => client.client_id)
    .sort();
  const value = (event: Event): string => (event.currentTarget as HTMLSelectElement).value;
  const unknownHere = active.error instanceof ApiError && active.error.status === 404 && !filter.client;
  const nobody = active.value !== null && active.value.clients.length === 0 && (stats.value?.bytes_over_time.length ?? 0) === 0;
  return (
    <>
      <h1>Connections</h1>
      <div class="tools">
        <label>
          Client{" "}
          <select value={filter.client ?? ""} onChange={(event) => change({ client: value(event) || undefined })}>
            <option value="">All</option>
            {ids.map((id) => (
              <option key={id} value={id}>
                {id}
              </option>
            ))}
          </select>
        </label>
        <label>
          Time{" "}
          <select value={String(filter.hours)} onChange={(event) => change({ hours: Number(value(event)) })}>
            {spans.map(([name, hours]) => (
              <option key={hours} value={String(hours)}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label class="check">
          <input type="checkbox" checked={filter.outside ?? false} onChange={() => change({ outside: !filter.outside })} /> Only outside the
          tunnel
        </label>
      </div>
      {!live && <p class="quiet">Not live: what you see is the past.</p>}
      {!unknownHere && <Standing what="Connections" answer={active} />}
      {stats.error && !unknownHere && <Failure what="Statistics" error={stats.error} again={stats.again} />}
      {map.error && !unknownHere && <Failure what="The map" error={map.error} again={map.again} />}
      {(unknownHere || nobody) && <Nobody />}
      {active.value && !nobody && <Numbers active={active.value} stats={stats.value} live={live} />}
      {active.value && <Gaps active={active.value} stats={stats.value} />}
      <Panel title="Map">
        <MapView data={map.value} client={filter.client} />
        {map.value && <NotOnMap map={map.value} />}
      </Panel>
      {stats.value && !nobody && (
        <>
          <OverTime stats={stats.value} />
          <div class="two even">
            <Top
              title="Top countries"
              rows={stats.value.top_countries.map((row) => ({
                ...row,
                name: row.country ? countryName(row.country) : "Not known, or not told",
              }))}
            />
            <Top
              title="Top programs"
              rows={stats.value.top_processes.map((row) => ({ ...row, name: row.program ?? "Attributed to nobody" }))}
            />
          </div>
        </>
      )}
      {active.value && !nobody && <Active active={active.value} current={live && !active.error} />}
    </>
  );
}
