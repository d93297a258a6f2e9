// How reliable clients were: what their time went by in, month by month, and each day of it.

import { useState } from "preact/hooks";

import { askReliability, reportAddress } from "../api";
import {
  colourOf,
  colourOfSum,
  monthName,
  monthRange,
  partsOf,
  percentText,
  secondsText,
  sumOf,
  worstFirst,
  type Reliability,
  type SubjectReliability,
} from "../model/reliability";
import { counted, viewersZone } from "../model/times";
import type { Client } from "../model/types";
import { groupName } from "../model/words";
import { store } from "../store";
import { useAnswer } from "./ask";
import { Name, Panel } from "./parts";
import { Standing } from "./standing";

const monthsBack = 12;
const period = 60_000;
/** Of more clients the days are not asked for. */
const mostWithDays = 200;
const dayName = new Intl.DateTimeFormat(undefined, { weekday: "short", month: "short", day: "numeric" });
const title = new Intl.DateTimeFormat(undefined, { month: "long", year: "numeric" });

const inWords = (each: Reliability): string =>
  partsOf(each)
    .map((part) => `${part.word} ${secondsText(part.seconds)}`)
    .join(", ") || "not known yet";

function Shares({ of }: { of: Reliability }) {
  return (
    <span class="bar shares" role="img" aria-label={inWords(of)}>
      {partsOf(of).map((part) => (
        <span
          key={part.state}
          data-state={part.state}
          style={{ flexGrow: String(part.seconds) }}
          title={`${part.word}: ${secondsText(part.seconds)}`}
        />
      ))}
    </span>
  );
}

function Days({ of }: { of: Reliability[] }) {
  const bad = of.filter((day) => !["secure", "absent"].includes(colourOf(day))).length;
  return (
    <span class="days" role="img" aria-label={`${of.length} days, ${bad} of them not green all through`}>
      {of.map((day) => (
        <span key={day.from} data-state={colourOf(day)} title={`${dayName.format(Date.parse(day.from))}: ${inWords(day)}`} />
      ))}
    </span>
  );
}

const columns = ["Client", "Protected", "Danger", "Contained", "Offline", "Not known", "Incidents", "Recovery", "Longest"];

function Row({ of }: { of: SubjectReliability }) {
  const { total } = of;
  const cells = [
    total.danger_s,
    total.contained_s,
    total.offline_s,
    total.unknown_s,
    `${total.incidents.count}`,
    total.incidents.mean_recovery_s,
    total.incidents.longest_s,
  ];
  return (
    <tr data-danger={total.danger_s > 0 ? "yes" : "no"}>
      <th scope="row" data-label={columns[0]}>
        <Name id={of.client_id} />
        <Shares of={total} />
        {of.periods.length > 1 && <Days of={of.periods} />}
      </th>
      <td class="number strong" data-label={columns[1]}>
        {percentText(total.protected_share)}
      </td>
      {cells.map((value, place) => (
        <td key={place} class="number" data-label={columns[place + 2]}>
          {typeof value === "string" ? value : secondsText(value)}
        </td>
      ))}
    </tr>
  );
}

function Table({ subjects }: { subjects: SubjectReliability[] }) {
  return (
    <div class="scroll" role="region" aria-label="Reliability, a table" tabIndex={0}>
      <table class="reliability">
        <thead>
          <tr>
            {columns.map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {worstFirst(subjects).map((subject) => (
            <Row key={subject.client_id} of={subject} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Words() {
  return (
    <p class="quiet small">
      Time that nobody knows about never counts as protected; time before a client was first heard of counts for nothing. Offline is silence that
      the hub heard, not known is time in which it was not there. A day has the colour of the worst in it. Recovery is the mean length of the
      incidents that ended in the month.
    </p>
  );
}

export function ReliabilityPage() {
  const [month, setMonth] = useState(() => monthName(store.hubTime(), 0));
  const answer = useAnswer(
    month,
    (signal) => {
      const { from, to } = monthRange(month);
      const days = store.fleet.clients.size <= mostWithDays ? "day" : undefined;
      return askReliability({ from: new Date(from).toISOString(), to: new Date(to).toISOString(), period: days, zone: viewersZone() }, signal);
    },
    period,
  );
  const subjects = answer.value?.items ?? [];
  const sum = sumOf(subjects);
  const cards: [string, string, string][] = [
    ["protected", percentText(sum.protected), answer.error ? "nobody" : colourOfSum(subjects)],
    ["in danger", secondsText(sum.danger_s), sum.danger_s > 0 ? "danger" : "nobody"],
    ["incidents", `${sum.incidents}`, "all"],
    ["mean recovery", secondsText(sum.recovery_s), "all"],
    ["reported", percentText(sum.reported), "all"],
  ];
  return (
    <>
      <h1>Reliability</h1>
      <div class="tools">
        <label>
          Month{" "}
          <select value={month} onChange={(event) => setMonth((event.currentTarget as HTMLSelectElement).value)}>
            {Array.from({ length: monthsBack }, (_, back) => monthName(store.hubTime(), back)).map((name) => (
              <option key={name} value={name}>
                {title.format(monthRange(name).from)}
              </option>
            ))}
          </select>
        </label>
        <a class="export" href={reportAddress(month, viewersZone())} target="_blank" rel="noreferrer">
          Page to print or keep
        </a>
      </div>
      <Standing what="The reliability" answer={answer} />
      {answer.value && subjects.length === 0 && <p class="nothing">No client is known.</p>}
      {subjects.length > 0 && (
        <>
          <ul class="cards amounts" aria-label="All clients together">
            {cards.map(([name, value, state]) => (
              <li key={name} class="card" data-state={state}>
                <span class="count">{value}</span>
                <span class="name">{name}</span>
              </li>
            ))}
          </ul>
          <Panel title="Clients">
            <Table subjects={subjects} />
            {answer.value?.more && <p class="quiet">More clients are known than are listed.</p>}
            <Words />
          </Panel>
        </>
      )}
    </>
  );
}

/** On the page of one client: its last 30 days. */
export function ReliabilityPanel({ client }: { client: Client }) {
  const id = client.client_id;
  const group = groupName(id);
  const answer = useAnswer(
    `${id} ${client.state} ${client.since}`,
    (signal) => askReliability({ ...(group === null ? { client: id } : { group }), period: "day", zone: viewersZone() }, signal),
    period,
  );
  const subject = answer.value?.items[0];
  return (
    <Panel title="Reliability" tools={<a href="#/reliability">All clients</a>}>
      <Standing what="The reliability" answer={answer} />
      {subject && (
        <>
          <p>
            <strong>{percentText(subject.total.protected_share)}</strong> protected in the last 30 days,{" "}
            {subject.total.danger_s > 0 ? secondsText(subject.total.danger_s) : "0 s"} in danger,{" "}
            {counted(subject.total.incidents.count, "incident")}
            {subject.total.incidents.mean_recovery_s !== null &&
              `, recovered in ${secondsText(subject.total.incidents.mean_recovery_s)} on average`}
            .
          </p>
          <Shares of={subject.total} />
          <Days of={subject.periods} />
          <p class="quiet small">{inWords(subject.total)}</p>
          {(subject.hints ?? []).length > 0 && (
            <ul class="hints" aria-label="Unusual">
              {subject.hints?.map((hint) => (
                <li key={hint.kind}>{hint.text}</li>
              ))}
            </ul>
          )}
        </>
      )}
    </Panel>
  );
}
