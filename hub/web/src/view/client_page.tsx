// One client: why its light is what it is, layer by layer; then what was before.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

import { askIncidents, askReports } from "../api";
import { layersOfClient, statusWords, type Layer } from "../model/layers";
import { incidentsAddress, overviewAddress } from "../model/place";
import type { Client } from "../model/types";
import { byGravity, containedText, groupName, stateText } from "../model/words";
import { useStore } from "../store";
import { useAnswer } from "./ask";
import { Charts } from "./charts";
import { Exit, MutedMark, Tags } from "./client_cells";
import { History } from "./history";
import { IncidentTable } from "./incident_table";
import { FindingText, Light, Name, Panel, Time } from "./parts";
import { Lazy } from "./lazy";
import { useMutes } from "./mutes";
import { ServedClients } from "./served_clients";
import { Standing } from "./standing";
import { Ago, For } from "./ticking";

// With the page of all clients, by who looks at one.
const askReliability = () => import("./reliability_page").then((module) => module.ReliabilityPanel);

const layerSigns: Record<string, string> = { good: "✓", danger: "✕", contained: "■", warning: "!", unknown: "?", note: "i", none: "–" };

function LayerCard({ layer, current }: { layer: Layer; current: boolean }) {
  return (
    <li class="layer" data-status={layer.status} data-current={current ? "yes" : "no"}>
      <div class="layer-head">
        <span class="sign" aria-hidden="true">
          {layerSigns[layer.status]}
        </span>
        <h3>{layer.name}</h3>
        <span class="layer-word">{!current && layer.status === "unknown" ? "Not known now" : statusWords[layer.status]}</span>
      </div>
      {layer.fact && (
        <p>
          {current ? "" : "Last told: "}
          {layer.fact}
        </p>
      )}
      {layer.details.length > 0 && (
        <ul class="details">
          {layer.details.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      )}
      {layer.findings.map((finding) => (
        <FindingText key={finding.code} finding={finding} current={current} />
      ))}
    </li>
  );
}

/** In a sentence or two: why. */
function Reason({ client, state, current }: { client: Client; state: string; current: boolean }) {
  const findings = byGravity(client.findings.filter((finding) => finding.severity !== "information"));
  if (state === "overdue") return <p class="reason">The next report is late. What it said last does not count as true any more.</p>;
  return (
    <div class="reason">
      <p>
        {current ? "" : "When it was heard last: "}
        {stateText(client.state).meaning}
        {containedText(client) && " The kill switch holds."}
      </p>
      {client.state === "offline" && client.state_before_offline && (
        <p>Before it fell silent it was {stateText(client.state_before_offline).word.toLowerCase()}.</p>
      )}
      {findings.map((finding) => (
        <FindingText key={finding.code} finding={finding} current={current} />
      ))}
    </div>
  );
}

function Facts({ client }: { client: Client }) {
  const skew = client.clock_skew_ms;
  const rows: [string, ComponentChildren][] = [
    ["Exit", client.members ? "" : <Exit client={client} />],
    ["Report came from", client.source_address],
    ["Last seen", <Ago at={client.last_seen} />],
    ["Next report until", <Time at={client.lease_deadline} />],
    ["First seen", <Time at={client.first_seen} />],
    ["Group", client.group ? <Name id={`group:${client.group}`} /> : ""],
    ["Tags", client.tags?.length ? <Tags tags={client.tags} /> : ""],
    ["Provider", client.location?.org ?? ""],
    ["Time zone", client.location?.timezone ?? ""],
    ["Clock", skew !== undefined && Math.abs(skew) >= 1000 ? `${(skew / 1000).toFixed(1)} s from the hub's` : ""],
    ["Version", client.client_version ?? ""],
  ];
  return (
    <dl class="facts">
      {rows.filter(([, value]) => value !== "").map(([name, value]) => [<dt key={name}>{name}</dt>, <dd key={`${name} `}>{value}</dd>])}
    </dl>
  );
}

/** The newest report as it came: asked for only by who opens it. */
function RawReport({ client }: { client: Client }) {
  const [open, setOpen] = useState(false);
  return (
    <Panel title="Last report">
      <details class="raw" onToggle={(event) => setOpen((event.currentTarget as HTMLDetailsElement).open)}>
        <summary>As it came, in JSON</summary>
        {open && <RawText id={client.client_id} seen={client.last_seen} />}
      </details>
    </Panel>
  );
}

function RawText({ id, seen }: { id: string; seen: string }) {
  const answer = useAnswer(`${id} ${seen}`, (signal) => askReports(id, undefined, 1, signal));
  if (!answer.value) return <Standing what="The report" answer={answer} />;
  const report = answer.value.items[0];
  return report ? (
    <pre tabIndex={0} aria-label="The report">
      <code>{JSON.stringify(report, null, 2)}</code>
    </pre>
  ) : (
    <p class="quiet">No report is kept.</p>
  );
}

function Incidents({ client }: { client: Client }) {
  const { live } = useStore();
  const id = client.client_id;
  const answer = useAnswer(`${id} ${client.state} ${client.since}`, (signal) => askIncidents({ client: id }, 10, undefined, signal));
  return (
    <Panel title="Incidents" tools={<a href={incidentsAddress(id)}>All incidents</a>}>
      <Standing what="Incidents" answer={answer} />
      {answer.value &&
        (answer.value.items.length > 0 ? (
          <IncidentTable incidents={answer.value.items} withClient={false} current={live && !answer.error} />
        ) : (
          <p class="quiet">None is known.</p>
        ))}
    </Panel>
  );
}

export function ClientPage({ id }: { id: string }) {
  const store = useStore();
  const client = store.fleet.clients.get(id);
  const name = groupName(id) ?? id;
  const mutes = useMutes();
  if (!client) {
    return (
      <>
        <p>
          <a href={overviewAddress}>← All clients</a>
        </p>
        <h1>{name}</h1>
        <p class="nothing">{store.live ? "No such client is known." : "Not live: nothing is known of it yet."}</p>
      </>
    );
  }
  const { state } = store.shown(client);
  const current = store.isCurrent(client);
  const isGroup = groupName(id) !== null;
  return (
    <>
      <p class="back">
        <a href={overviewAddress}>← All clients</a>
      </p>
      <div class="client-head" data-state={current ? state : "past"}>
        <h1>
          <Name id={id} link={false} />
          <MutedMark muted={mutes.of(client)} />
        </h1>
        <Light state={state} current={store.live} how={current ? containedText(client) : null} />
        <span class="quiet">
          for <For since={client.since} /> · last seen <Ago at={client.last_seen} />
        </span>
        {mutes.trouble && <span class="quiet small">{mutes.trouble}</span>}
      </div>
      <div class="two">
        <Panel title="Why" id="why">
          <Reason client={client} state={state} current={current} />
        </Panel>
        <Panel title="Facts">
          <Facts client={client} />
        </Panel>
      </div>
      {isGroup ? (
        <Members client={client} current={current} />
      ) : (
        <Panel title="Layer by layer" id="layers">
          <ul class="layers">
            {layersOfClient(client, current).map((layer) => (
              <LayerCard key={layer.name} layer={layer} current={current} />
            ))}
          </ul>
        </Panel>
      )}
      {client.peers && <ServedClients peers={client.peers} current={current} />}
      <History client={client} />
      {!isGroup && <Charts client={client} />}
      <Lazy what="The reliability" load={askReliability} props={{ client }} />
      <Incidents client={client} />
      {!isGroup && <RawReport client={client} />}
    </>
  );
}

function Members({ client, current }: { client: Client; current: boolean }) {
  const { fleet, clock } = useStore();
  return (
    <Panel title="Probes of the group">
      <p class="quiet">Rule: {client.rule}</p>
      <ul class="members">
        {client.members?.map((member) => (
          <li key={member.client_id}>
            <Name id={member.client_id} /> <Light state={fleet.memberState(member, clock.now())} current={current} />
            <span class="quiet">
              for <For since={member.since} />
              {member.sees ? "" : ", cannot see"}
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
