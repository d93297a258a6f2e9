import type { Shown } from "../model/filter";
import type { Client } from "../model/types";
import { containedText } from "../model/words";
import { Dns, Exit, NameCell, TunnelCell, Why } from "./client_cells";
import { memo } from "./memo";
import { Light } from "./parts";
import { Ago, For } from "./ticking";

interface TileProps extends Shown {
  live: boolean;
  muted?: string;
}

const Tile = memo(({ client, state, live, muted }: TileProps) => {
  const current = live && state !== "offline" && state !== "overdue";
  return (
    <li class="tile" data-state={current ? state : "past"}>
      <div class="tile-head">
        <Light state={state} current={live} how={current ? containedText(client) : null} />
        <span class="quiet small">
          for <For since={client.since} />
        </span>
      </div>
      <h3>
        <NameCell client={client} current={current} muted={muted} />
      </h3>
      {state !== "secure" && (
        <p>
          <Why client={client} />
        </p>
      )}
      <dl>
        <dt>Exit</dt>
        <dd>
          <Exit client={client} />
        </dd>
        <dt>DNS</dt>
        <dd>
          <Dns client={client} current={current} />
        </dd>
        <dt>Tunnel</dt>
        <dd>
          <TunnelCell client={client} />
        </dd>
      </dl>
      <p class="quiet small">
        Last seen <Ago at={client.last_seen} />
        {client.client_version && ` · ${client.client_version}`}
      </p>
    </li>
  );
});

export function Tiles({ shown, live, muted }: { shown: Shown[]; live: boolean; muted: (client: Client) => string | undefined }) {
  return (
    <ul id="clients" class="tiles">
      {shown.map(({ client, state }) => (
        <Tile key={client.client_id} client={client} state={state} live={live} muted={muted(client)} />
      ))}
    </ul>
  );
}
