// What a client was, when: a bar of states, its changes in words, its exit addresses.

import { useState } from "preact/hooks";

import { askBefore, askHistory } from "../api";
import { exits, shares, stretches, type Exit, type Stretch } from "../model/timeline";
import { briefTime, duration } from "../model/times";
import type { Change, Client } from "../model/types";
import { changeText, leakedText, stateText } from "../model/words";
import { store } from "../store";
import { useAnswer } from "./ask";
import { Light, Panel, Time } from "./parts";
import { Standing } from "./standing";

const spans: [string, number][] = [
  ["1 hour", 1],
  ["1 day", 24],
  ["1 week", 168],
  ["1 month", 744],
  ["1 year", 8784],
];
const shownChanges = 50;

/** What the page cannot vouch for ends where it was heard last, and goes on as unknown. */
function bar(changes: Change[], client: Client, from: number, to: number, complete: boolean): Stretch[] {
  const vouched =
    store.isCurrent(client) || client.state === "offline" ? to : Math.max(from, Math.min(to, Date.parse(client.lease_deadline)));
  const parts = stretches(changes, from, vouched, complete);
  if (vouched < to) parts.push({ state: "unknown", from: vouched, to });
  // With no change in the span the state has been what it is since before.
  const since = Date.parse(client.since);
  return parts.map((part) =>
    part.state === "unknown" && part.to === vouched && part.from >= since ? { ...part, state: client.state } : part,
  );
}

function Bar({ parts, from, to }: { parts: Stretch[]; from: number; to: number }) {
  const part = shares(parts);
  const words = Object.entries(part).map(
    ([state, share]) =>
      `${state === "unknown" ? "not known" : stateText(state).word.toLowerCase()} ${(share * 100).toFixed(share > 0.9995 || share < 0.0005 ? 0 : 1)} %`,
  );
  return (
    <figure class="timeline">
      <div class="bar" role="img" aria-label={`States: ${words.join(", ")}`}>
        {parts.map((each) => (
          <span
            key={each.from}
            data-state={each.state}
            style={{ flexGrow: String(Math.max(each.to - each.from, (to - from) / 400)) }}
            title={`${each.state === "unknown" ? "Not known" : stateText(each.state).word}, ${briefTime(each.from)} – ${briefTime(each.to)} (${duration(each.to - each.from)})`}
          />
        ))}
      </div>
      <div class="bar-ends quiet small" aria-hidden="true">
        <span>{briefTime(from)}</span>
        <span>{briefTime(to)}</span>
      </div>
      <figcaption class="small">{words.join(" · ")}</figcaption>
    </figure>
  );
}

function ChangeList({ changes, more }: { changes: Change[]; more: boolean }) {
  const [all, setAll] = useState(false);
  const listed = all ? changes : changes.slice(0, shownChanges);
  if (changes.length === 0) return <p class="quiet">No change in this time.</p>;
  return (
    <>
      <ol class="changes">
        {listed.map((change) => (
          <li key={`${change.at} ${change.kind} ${change.noticed}`}>
            <Time at={change.at} />
            <Light state={change.to} current={true} />
            <span>
              {changeText(change)}
              {change.leaked && change.leaked.packets === 0 ? ` (${leakedText(change.leaked).toLowerCase()} left outside)` : ""}
            </span>
          </li>
        ))}
      </ol>
      {!all && changes.length > shownChanges && (
        <button type="button" onClick={() => setAll(true)}>
          Show all {changes.length}
        </button>
      )}
      {more && <p class="quiet">Older changes of this time are not listed.</p>}
    </>
  );
}

/** `complete`: no change after `from` is missing. */
function Exits({ list, from, complete }: { list: Exit[]; from: number; complete: boolean }) {
  const since = (exit: Exit, place: number): string => {
    if (exit.from === null && place > 0) return "since a time that was not told";
    if (exit.from === null && !complete) return "before the changes that are listed";
    const inForce = exit.from === null || exit.from < from ? ", in force when this time begins" : "";
    return `since ${exit.from === null ? `before ${briefTime(from)}` : briefTime(exit.from)}${inForce}`;
  };
  return (
    <>
      <h3>Exit addresses</h3>
      <ul class="addresses">
        {list.map((exit, place) => (
          <li key={`${exit.address} ${exit.from}`}>
            <span class="address">{exit.address}</span> <span class="quiet">{since(exit, place)}</span>
          </li>
        ))}
      </ul>
    </>
  );
}

/** Of the span, or of the client when it is younger: late reports tell of what was before it was heard first. */
function beginning(client: Client, changes: Change[], earlier: Change[], from: number): number {
  if (earlier.length > 0) return from;
  const known = [client.first_seen, ...changes.map((change) => change.at)].map((time) => Date.parse(time)).filter(Number.isFinite);
  return known.length > 0 ? Math.max(from, Math.min(...known)) : from;
}

export function History({ client }: { client: Client }) {
  const [hours, setHours] = useState(24);
  const key = `${client.client_id} ${hours} ${client.state} ${client.since} ${client.public_ip ?? ""}`;
  const answer = useAnswer(
    key,
    async (signal) => {
      const to = store.hubTime();
      const begin = new Date(to - hours * 3_600_000).toISOString();
      const [changes, earlier] = await Promise.all([askHistory(client.client_id, begin, signal), askBefore(client.client_id, begin, signal)]);
      const from = beginning(client, changes.items, earlier, Date.parse(begin));
      return { ...changes, earlier, from, to };
    },
    60_000,
  );
  const listed = answer.value;
  // Beyond changes that are not listed nothing goes on.
  // A group has those of its members.
  const addresses = listed && !client.members ? exits(listed.items, listed.more ? [] : listed.earlier, listed.from, client.public_ip ?? "") : [];
  return (
    <Panel
      title="Timeline"
      tools={
        <label class="small">
          Time{" "}
          <select value={String(hours)} onChange={(event) => setHours(Number((event.currentTarget as HTMLSelectElement).value))}>
            {spans.map(([name, span]) => (
              <option key={span} value={String(span)}>
                {name}
              </option>
            ))}
          </select>
        </label>
      }
    >
      <Standing what="The history" answer={answer} />
      {listed && (
        <>
          <Bar parts={bar(listed.items, client, listed.from, listed.to, !listed.more)} from={listed.from} to={listed.to} />
          <h3>Changes</h3>
          <ChangeList changes={listed.items} more={listed.more} />
          {addresses.length > 0 && <Exits list={addresses} from={listed.from} complete={!listed.more} />}
        </>
      )}
    </Panel>
  );
}
