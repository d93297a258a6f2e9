import { incidentAddress } from "../model/place";
import { counted, duration } from "../model/times";
import type { Incident } from "../model/types";
import { byGravity, leakedText, meaningOf } from "../model/words";
import { Light, Name, Time } from "./parts";
import { For } from "./ticking";

/** "Time in danger" of an incident in words; none is said only of one that never was in danger. */
export function exposedText(incident: Incident): string {
  if (incident.exposed_s > 0) return duration(Math.max(1000, incident.exposed_s * 1000));
  return incident.worst === "danger" ? "Less than 1 s" : "None";
}

function Lasted({ incident, current }: { incident: Incident; current: boolean }) {
  if (incident.end === null && !current) return <>went on when the hub was heard last</>;
  if (incident.end === null)
    return (
      <>
        <For since={incident.start} /> <strong>and goes on</strong>
      </>
    );
  return <>{duration(Date.parse(incident.end) - Date.parse(incident.start))}</>;
}

interface IncidentTableProps {
  incidents: Incident[];
  withClient: boolean;
  /** False: which of them go on is the past. */
  current: boolean;
}

/** What an incident was is history and has its colour; whether it goes on is another question. */
export function IncidentTable({ incidents, withClient, current }: IncidentTableProps) {
  const heads = ["Worst", ...(withClient ? ["Client"] : []), "Began", "Lasted", "Exposed", "Left outside", "What", ""];
  return (
    <div class="scroll" role="region" aria-label="Incidents, a table" tabIndex={0}>
      <table class="incidents cardlike" role="table">
        <thead role="rowgroup">
          <tr role="row">
            {heads.map((name) => (
              <th key={name} scope="col" role="columnheader">
                {name || <span class="hidden">More</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {incidents.map((incident) => {
            const worst = byGravity(incident.findings)[0];
            return (
              <tr key={incident.id} role="row" data-open={incident.open ? "yes" : "no"}>
                <td role="cell" data-label="Worst">
                  <Light state={incident.worst} current={true} />
                  {incident.acknowledged && <span class="quiet small tag">acknowledged by {incident.acknowledged.by}</span>}
                  {incident.comment_count > 0 && <span class="quiet small tag">{counted(incident.comment_count, "comment")}</span>}
                </td>
                {withClient && (
                  <th scope="row" role="rowheader" data-label="Client">
                    <span>
                      <Name id={incident.client_id} />
                    </span>
                  </th>
                )}
                <td role="cell" data-label="Began">
                  <Time at={incident.start} />
                </td>
                <td role="cell" data-label="Lasted">
                  <span>
                    <Lasted incident={incident} current={current} />
                  </span>
                </td>
                <td role="cell" data-label="Exposed">
                  {exposedText(incident)}
                </td>
                <td role="cell" data-label="Left outside">
                  {leakedText(incident.leaked)}
                </td>
                <td role="cell" data-label="What">
                  <span>
                    {worst ? meaningOf(worst) : "–"}
                    {incident.findings.length > 1 && <span class="quiet"> +{incident.findings.length - 1} more</span>}
                  </span>
                </td>
                <td role="cell" data-label="">
                  <a href={incidentAddress(incident.client_id, incident.id)}>
                    Details<span class="hidden"> of incident {incident.id}</span>
                  </a>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
