import { memo } from "./memo";
import type { Shown } from "../model/filter";
import type { Client } from "../model/types";
import { containedText } from "../model/words";
import { Dns, Exit, NameCell, TunnelCell, Why } from "./client_cells";
import { Ago, For, Light } from "./parts";

interface RowProps extends Shown {
  live: boolean;
  muted?: string;
}

const Row = memo(({ client, state, live, muted }: RowProps) => {
  const current = live && state !== "offline" && state !== "overdue";
  return (
    <tr data-state={current ? state : "past"}>
      <td>
        <Light state={state} current={live} how={current ? containedText(client) : null} />
      </td>
      <th scope="row">
        <NameCell client={client} current={current} muted={muted} />
      </th>
      <td>
        <Why client={client} />
      </td>
      <td>
        <For since={client.since} />
      </td>
      <td>
        <Exit client={client} />
      </td>
      <td>
        <Dns client={client} current={current} />
      </td>
      <td>
        <TunnelCell client={client} />
      </td>
      <td>
        <Ago at={client.last_seen} />
      </td>
      <td class="quiet small">{client.client_version ?? "–"}</td>
    </tr>
  );
});

export function ClientTable({ shown, live, muted }: { shown: Shown[]; live: boolean; muted: (client: Client) => string | undefined }) {
  return (
    <div class="scroll" role="region" aria-label="Clients, a table" tabIndex={0}>
      <table class="fleet">
        <thead>
          <tr>
            {["State", "Client", "Why", "For", "Exit", "DNS", "Tunnel", "Last seen", "Version"].map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody id="clients">
          {shown.map(({ client, state }) => (
            <Row key={client.client_id} client={client} state={state} live={live} muted={muted(client)} />
          ))}
        </tbody>
      </table>
    </div>
  );
}
