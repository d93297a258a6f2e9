// All incidents, newest first, and as a file.

import { useState } from "preact/hooks";

import { askIncidents, type Listed } from "../api";
import { incidentsCsv } from "../model/export";
import { incidentsAddress } from "../model/place";
import type { Incident } from "../model/types";
import { store, useStore } from "../store";
import { useAnswer } from "./ask";
import { IncidentTable } from "./incident_table";
import { useOlder } from "./older";
import { Panel } from "./parts";
import { Standing } from "./standing";

const page = 50;
const period = 15_000;
// So many are one file; who wants more asks the API.
const mostExported = 20_000;

function save(name: string, type: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}

function Export({ client, open, from }: { client?: string; open?: boolean; from?: string }) {
  const [told, setTold] = useState("");
  const write = async (kind: "csv" | "json"): Promise<void> => {
    setTold("Asking…");
    try {
      const listed = await askIncidents({ client, open, from }, mostExported);
      const name = `incidents-${new Date(store.hubTime()).toISOString().slice(0, 10)}.${kind}`;
      if (kind === "csv") save(name, "text/csv;charset=utf-8", incidentsCsv(listed.items, store.hubTime()));
      else save(name, "application/json", `${JSON.stringify(listed.items, null, 2)}\n`);
      setTold(listed.more ? `The newest ${mostExported} are in the file; the API has the others.` : `${listed.items.length} in the file.`);
    } catch (error) {
      setTold(`Not exported: ${(error as Error).message}`);
    }
  };
  return (
    <div class="export">
      <button type="button" onClick={() => write("csv")}>
        Export CSV
      </button>
      <button type="button" onClick={() => write("json")}>
        Export JSON
      </button>
      <span class="quiet small" role="status">
        {told}
      </span>
    </div>
  );
}

interface MoreProps {
  first: Listed<Incident>;
  client?: string;
  open?: boolean;
  from?: string;
  current: boolean;
}

function More({ first, client, open, from, current }: MoreProps) {
  const [incidents, rest] = useOlder(first, "Older incidents", (cursor) => askIncidents({ client, open, from }, page, cursor));
  return (
    <>
      <IncidentTable incidents={incidents} withClient={!client} current={current} />
      {rest}
    </>
  );
}

const spans: [string, number][] = [
  ["All that is kept", 0],
  ["1 day", 1],
  ["1 week", 7],
  ["1 month", 31],
  ["1 year", 366],
];

export function IncidentsPage({ client, open: asked }: { client?: string; open?: boolean }) {
  const { fleet, live } = useStore();
  const [open, setOpen] = useState(asked ?? false);
  const [days, setDays] = useState(0);
  const from = days > 0 ? new Date(Math.floor(store.hubTime() / 60_000) * 60_000 - days * 86_400_000).toISOString() : undefined;
  const answer = useAnswer(`${client} ${open} ${days}`, (signal) => askIncidents({ client, open, from }, page, undefined, signal), period);
  const current = live && !answer.error;
  // The older ones stay while the first page has the same incidents; else a new list begins.
  const first = answer.value?.items.map((incident) => incident.id).join(" ");
  const ids = [...new Set([...fleet.clients.keys(), ...(client ? [client] : [])])].sort();
  const follow = (event: Event): void => {
    location.hash = incidentsAddress((event.currentTarget as HTMLSelectElement).value || undefined);
  };
  return (
    <>
      <h1>Incidents</h1>
      <p class="quiet">Stretches of time in which a client was not secure.</p>
      <div class="tools">
        <label>
          Client{" "}
          <select value={client ?? ""} onChange={follow}>
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
          <select value={String(days)} onChange={(event) => setDays(Number((event.currentTarget as HTMLSelectElement).value))}>
            {spans.map(([name, span]) => (
              <option key={span} value={String(span)}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label class="check">
          <input type="checkbox" checked={open} onChange={() => setOpen(!open)} /> Only those that go on
        </label>
        <Export client={client} open={open} from={from} />
      </div>
      <Panel
        title="List"
        tools={
          <button type="button" onClick={answer.again}>
            Ask again
          </button>
        }
      >
        <Standing what="Incidents" answer={answer} />
        {answer.value &&
          (answer.value.items.length > 0 ? (
            <More key={first} first={answer.value} client={client} open={open} from={from} current={current} />
          ) : (
            <p class="nothing">
              No incident {current ? "is" : "was"} known {open ? "that goes on" : "of this time"}
              {current ? "." : " when the hub was heard last."}
            </p>
          ))}
      </Panel>
    </>
  );
}
