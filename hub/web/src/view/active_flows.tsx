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
        <table>
          <thead>
            <tr>
              {["Way", "Client", "Program", "Far end", "Protocol", "Country", "Open", "Sent", "Received", "Seen"].map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {active.flows.map((flow, place) => {
              const way = wayOf(flow.way);
              return (
                <tr key={place} data-way={flow.way}>
                  <td>
                    <span class="dns" data-how={current ? way.how : "past"}>
                      {way.word}
                    </span>
                    {flow.interface && <span class="quiet small"> {flow.interface}</span>}
                  </td>
                  <th scope="row">
                    <Name id={flow.client_id} />
                  </th>
                  <td>{programText(flow)}</td>
                  <td class="address">
                    {flow.direction === "in" ? "from " : ""}
                    {farEnd(flow)}
                    {flow.listener ? ` at ${flow.listener}` : ""}
                  </td>
                  <td>{flow.protocol.toUpperCase()}</td>
                  <td>
                    {flow.country ? (
                      <>
                        <Flag country={flow.country} />
                        {countryName(flow.country)}
                      </>
                    ) : (
                      <span class="quiet">not told</span>
                    )}
                  </td>
                  <td>{flow.open ?? "–"}</td>
                  <td>{flow.bytes_out === undefined ? "not counted" : byteText(flow.bytes_out)}</td>
                  <td>{flow.bytes_in === undefined ? "not counted" : byteText(flow.bytes_in)}</td>
                  <td>
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
