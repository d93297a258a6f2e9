// The connections of this moment, those outside the tunnel first.

import { farEnd, programText, wayOf, type ActiveFlows } from "../model/flows";
import { byteText } from "../model/times";
import { countryName } from "../model/words";
import { Flag } from "./flag";
import { Name, Panel } from "./parts";
import { Ago } from "./ticking";

/** `current`: false, it is the past and has no colour. */
export function Active({ active, current }: { active: ActiveFlows; current: boolean }) {
  return (
    <Panel title="Connections now">
      <div class="scroll" role="region" aria-label="Connections, a table" tabIndex={0}>
        <table class="cardlike" role="table">
          <thead role="rowgroup">
            <tr role="row">
              {["Way", "Client", "Program", "Far end", "Protocol", "Country", "Open", "Sent", "Received", "Seen"].map((name) => (
                <th key={name} scope="col" role="columnheader">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody role="rowgroup">
            {active.flows.map((flow, place) => {
              const way = wayOf(flow.way);
              return (
                <tr key={place} role="row" data-way={flow.way}>
                  <td role="cell" data-label="Way">
                    <span>
                      <span class="dns" data-how={current ? way.how : "past"}>
                        {way.word}
                      </span>
                      {flow.interface && <span class="quiet small"> {flow.interface}</span>}
                    </span>
                  </td>
                  <th scope="row" role="rowheader" data-label="Client">
                    <span>
                      <Name id={flow.client_id} />
                    </span>
                  </th>
                  <td role="cell" data-label="Program">
                    <span>{programText(flow)}</span>
                  </td>
                  <td class="address" role="cell" data-label="Far end">
                    <span>
                      {flow.direction === "in" ? "from " : ""}
                      {farEnd(flow)}
                      {flow.listener ? ` at ${flow.listener}` : ""}
                    </span>
                  </td>
                  <td role="cell" data-label="Protocol">
                    {flow.protocol.toUpperCase()}
                  </td>
                  <td role="cell" data-label="Country">
                    {flow.country ? (
                      <span>
                        <Flag country={flow.country} />
                        {countryName(flow.country)}
                      </span>
                    ) : (
                      <span class="quiet">not told</span>
                    )}
                  </td>
                  <td role="cell" data-label="Open">
                    {flow.open ?? "–"}
                  </td>
                  <td role="cell" data-label="Sent">
                    {flow.bytes_out === undefined ? "not counted" : byteText(flow.bytes_out)}
                  </td>
                  <td role="cell" data-label="Received">
                    {flow.bytes_in === undefined ? "not counted" : byteText(flow.bytes_in)}
                  </td>
                  <td role="cell" data-label="Seen">
                    <Ago at={flow.last_seen} />
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      {active.next && <p class="quiet">The first {active.flows.length} are listed, those outside the tunnel first.</p>}
      {active.flows.length === 0 && <p class="quiet">None at the moment.</p>}
    </Panel>
  );
}
