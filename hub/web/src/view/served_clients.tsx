// Who is connected to the VPN server that a probe watches.

import { amountText, blockedText, portText, type Peers } from "../model/peers";
import { Panel, Time } from "./parts";

export function ServedClients({ peers, current }: { peers: Peers; current: boolean }) {
  const list = peers.list ?? [];
  return (
    <Panel title="Connected to the VPN server" id="peers">
      {!current && <p class="quiet">As it was told last.</p>}
      <ul class="details">
        {(peers.ports ?? []).map((port) => (
          <li key={port.port}>{portText(port)}</li>
        ))}
      </ul>
      {list.length > 0 && (
        <div class="scroll" role="region" aria-label="Clients of the VPN server, a table" tabIndex={0}>
          <table>
            <thead>
              <tr>
                {["From", "Port", "Since", "Received", "Sent", "Key"].map((name) => (
                  <th key={name} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {list.map((peer, place) => (
                <tr key={`${peer.from} ${peer.key} ${place}`}>
                  <th scope="row">{peer.from ?? "not told"}</th>
                  <td>{peer.port}</td>
                  <td>
                    {peer.since_before && "before "}
                    {peer.since ? <Time at={peer.since} /> : "not known"}
                  </td>
                  <td>{amountText(peer.rx_bytes)}</td>
                  <td>{amountText(peer.tx_bytes)}</td>
                  <td>{peer.key ?? ""}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {(peers.not_listed ?? 0) > 0 && <p class="quiet">{peers.not_listed} more are connected and not listed.</p>}
      {peers.blocked_since !== undefined && (
        <p class="quiet">
          {blockedText(peers)}, since <Time at={peers.blocked_since} />.
        </p>
      )}
    </Panel>
  );
}
