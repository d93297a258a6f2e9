import { memo } from "./memo";
import type { Shown } from "../model/filter";
import type { Client } from "../model/types";
import { containedText } from "../model/words";
import { Dns, Exit, NameCell, TunnelCell, Why } from "./client_cells";
import { Light } from "./parts";
import { Ago, For } from "./ticking";

interface RowProps extends Shown {
  live: boolean;
  muted?: string;
}

const Row = memo(({ client, state, live, muted }: RowProps) => {
  const current = live && state !== "offline" && state !== "overdue";
  return (
    <tr role="row" data-state={current ? state : "past"}>
      <td role="cell">
        <Light state={state} current={live} how={current ? containedText(client) : null} />
      </td>
      <th scope="row" role="rowheader">
        <NameCell client={client} current={current} muted={muted} />
      </th>
      <td role="cell">
        <Why client={client} />
      </td>
      <td role="cell">
        <For since={client.since} />
      </td>
      <td role="cell">
        <Exit client={client} />
      </td>
      <td role="cell">
        <Dns client={client} current={current} />
      </td>
      <td role="cell">
        <TunnelCell client={client} />
      </td>
      <td role="cell">
        <Ago at={client.last_seen} />
      </td>
      <td role="cell" class="quiet small">{client.client_version ?? "–"}</td>
    </tr>
  );
});

export function ClientTable({ shown, live, muted }: { shown: Shown[]; live: boolean; muted: (client: Client) => string | undefined }) {
  return (
    <div class="scroll" role="region" aria-label="Clients, a table" tabIndex={0}>
      <table class="fleet" role="table">
        <thead role="rowgroup">
          <tr role="row">
            {["State", "Client", "Why", "For", "Exit", "DNS", "Tunnel", "Last seen", "Version"].map((name) => (
              <th key={name} scope="col" role="columnheader">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody id="clients" role="rowgroup">
          {shown.map(({ client, state }) => (
            <Row key={client.client_id} client={client} state={state} live={live} muted={muted(client)} />
          ))}
        </tbody>
      </table>
    </div>
  );
}
