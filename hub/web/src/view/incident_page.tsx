// One incident: how long, how much, where to, and what was found.

import { ApiError, askHistory, askIncident } from "../api";
import { clientAddress, incidentsAddress } from "../model/place";
import { byteText, counted } from "../model/times";
import type { Incident, IncidentDetail } from "../model/types";
import { byGravity, changeText, leakedText } from "../model/words";
import { useStore } from "../store";
import { useAnswer } from "./ask";
import { Care } from "./incident_care";
import { exposedText } from "./incident_table";
import { FindingText, Light, Name, Panel, Time } from "./parts";
import { Standing } from "./standing";
import { duration } from "../model/times";
import { For } from "./ticking";

function Destinations({ incident }: { incident: Incident }) {
  const { leaked } = incident;
  return (
    <Panel title="What left outside the tunnel">
      <p>{leakedText(leaked)}.</p>
      {leaked && leaked.destinations.length > 0 && (
        <div class="scroll" role="region" aria-label="Destinations, a table" tabIndex={0}>
          <table>
            <thead>
              <tr>
                {["Destination", "Protocol", "Port", "User", "Packets", "Bytes"].map((name) => (
                  <th key={name} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {leaked.destinations.map((each, place) => (
                <tr key={place}>
                  <th scope="row" class="address">
                    {each.address}
                  </th>
                  <td>{each.protocol.toUpperCase()}</td>
                  <td>{each.port ?? "–"}</td>
                  <td>{each.uid === undefined ? "not known" : `uid ${each.uid}`}</td>
                  <td>{each.packets.toLocaleString("en-GB")}</td>
                  <td>{byteText(each.bytes)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

/** Its course: the changes of the client within it. */
function Course({ incident }: { incident: Incident }) {
  const answer = useAnswer(`${incident.id} ${incident.end}`, (signal) => askHistory(incident.client_id, incident.start, signal));
  const end = incident.end === null ? Infinity : Date.parse(incident.end);
  const changes = (answer.value?.items ?? []).filter((change) => Date.parse(change.at) <= end).reverse();
  return (
    <Panel title="Course">
      <Standing what="The course" answer={answer} />
      <ol class="changes">
        {changes.map((change) => (
          <li key={`${change.at} ${change.kind} ${change.noticed}`}>
            <Time at={change.at} />
            <Light state={change.to} current={true} />
            <span>{changeText(change)}</span>
          </li>
        ))}
      </ol>
      {answer.value?.more && <p class="quiet">Not all changes are listed.</p>}
    </Panel>
  );
}

function Detail({ incident, again }: { incident: IncidentDetail; again: () => void }) {
  const { live } = useStore();
  return (
    <>
      <div class="client-head">
        <h1>Incident {incident.id}</h1>
        <Light state={incident.worst} current={true} />
        <span class="quiet">at worst</span>
      </div>
      <Panel title="In short">
        <dl class="facts">
          <dt>Client</dt>
          <dd>
            <Name id={incident.client_id} />
          </dd>
          <dt>Began</dt>
          <dd>
            <Time at={incident.start} />
          </dd>
          <dt>Ended</dt>
          <dd>{incident.end === null ? live ? "It goes on." : "It went on when the hub was heard last." : <Time at={incident.end} />}</dd>
          <dt>Lasted</dt>
          <dd>
            {incident.end === null ? <For since={incident.start} /> : duration(Date.parse(incident.end) - Date.parse(incident.start))}
          </dd>
          <dt>Exposed</dt>
          <dd>{exposedText(incident)}</dd>
          <dt>Left outside</dt>
          <dd>{leakedText(incident.leaked)}</dd>
        </dl>
        <p>
          <a href={clientAddress(incident.client_id)}>How the client stands now</a>
        </p>
      </Panel>
      <Care incident={incident} again={again} />
      <Panel title={`${counted(incident.findings.length, "finding")}`}>
        {byGravity(incident.findings).map((finding) => (
          <FindingText key={`${finding.code} ${finding.since}`} finding={finding} current={true} over={incident.end !== null} />
        ))}
      </Panel>
      <Destinations incident={incident} />
      <Course incident={incident} />
    </>
  );
}

export function IncidentPage({ id, client }: { id: number; client: string }) {
  const answer = useAnswer(
    `${client} ${id}`,
    (signal) =>
      askIncident(id, signal).catch((error: Error) => {
        if (error instanceof ApiError && error.status === 404) return null;
        throw error;
      }),
    15_000,
  );
  return (
    <>
      <p class="back">
        <a href={incidentsAddress()}>← All incidents</a>
      </p>
      <Standing what="The incident" answer={answer} />
      {answer.value ? (
        <Detail incident={answer.value} again={answer.again} />
      ) : (
        !answer.loading &&
        !answer.error && (
          <>
            <h1>Incident {id}</h1>
            <p class="nothing">It is not known, or not kept any more.</p>
          </>
        )
      )}
    </>
  );
}
