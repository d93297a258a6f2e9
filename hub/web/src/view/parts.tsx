// Small parts that several pages use. Text from the network goes in as text only: Preact never makes HTML of it.

import type { ComponentChildren } from "preact";

import { clientAddress } from "../model/place";
import { localTime } from "../model/times";
import type { Finding, Json } from "../model/types";
import { codeText, groupName, meaningOf, stateText } from "../model/words";
import { For } from "./ticking";

/** A light that is not current has no colour, and says what it was. */
export function Light({ state, current, how }: { state: string; current: boolean; how?: string | null }) {
  const text = stateText(state);
  const past = !current && state !== "offline" && state !== "overdue";
  return (
    <span class="light" data-state={past ? "stale" : state}>
      <span class="sign" aria-hidden="true">
        {text.sign}
      </span>
      <span class="word">{past ? `was ${text.word}` : text.word}</span>
      {how && <span class="quiet how">{how}</span>}
    </span>
  );
}

export const Time = ({ at }: { at: string }) => <time dateTime={at}>{localTime(at)}</time>;

/** The name of a client, or of a group with a mark that it is one. */
export function Name({ id, link = true }: { id: string; link?: boolean }) {
  const group = groupName(id);
  const name = group ?? id;
  return (
    <>
      {link ? <a href={clientAddress(id)}>{name}</a> : name}
      {group !== null && (
        <>
          {" "}
          <span class="badge">group</span>
        </>
      )}
    </>
  );
}

/** What a finding rests on, as the probe told it. */
export function Evidence({ value }: { value: Json }) {
  if (value === null) return <span class="quiet">none</span>;
  if (Array.isArray(value)) {
    if (value.every((each) => each === null || typeof each !== "object")) return <>{value.map(String).join(", ") || "none"}</>;
    return (
      <ul>
        {value.map((each, place) => (
          <li key={place}>
            <Evidence value={each} />
          </li>
        ))}
      </ul>
    );
  }
  if (typeof value === "object") {
    return (
      <dl class="evidence">
        {Object.entries(value).map(([key, each]) => [
          <dt key={key}>{codeText(key)}</dt>,
          <dd key={`${key} `}>
            <Evidence value={each} />
          </dd>,
        ])}
      </dl>
    );
  }
  return <>{typeof value === "boolean" ? (value ? "yes" : "no") : String(value)}</>;
}

const severityWords: Record<string, string> = {
  danger: "Danger",
  contained: "Tunnel lost",
  warning: "Warning",
  information: "Information",
};

/** `over`: it is history, and does not last any longer. */
export function FindingText({ finding, current, over = false }: { finding: Finding; current: boolean; over?: boolean }) {
  const evidence = Object.keys(finding.evidence ?? {}).length > 0;
  return (
    <article class="finding" data-severity={current ? finding.severity : "past"}>
      <p class="meaning">
        <strong>{severityWords[finding.severity] ?? finding.severity}:</strong> {meaningOf(finding)}
      </p>
      {finding.advice && <p class="advice">{finding.advice}</p>}
      {evidence && (
        <details>
          <summary>Evidence</summary>
          <Evidence value={finding.evidence} />
        </details>
      )}
      <p class="quiet small">
        <code>{finding.code}</code> · since <Time at={finding.since} />
        {!over && (
          <>
            {" "}
            (<For since={finding.since} />)
          </>
        )}
      </p>
    </article>
  );
}

export function Panel({
  title,
  id,
  children,
  tools,
}: {
  title: string;
  id?: string;
  children: ComponentChildren;
  tools?: ComponentChildren;
}) {
  const name = `title-${title.toLowerCase().replace(/[^a-z]+/g, "-")}`;
  return (
    <section class="panel" id={id} aria-labelledby={name}>
      <div class="panel-head">
        <h2 id={name}>{title}</h2>
        {tools}
      </div>
      {children}
    </section>
  );
}

/** What could not be asked is said, with a way to try again; it is never shown as empty. */
export function Failure({ what, error, again }: { what: string; error: Error; again?: () => void }) {
  return (
    <p class="failure" role="alert">
      {what} could not be read: {error.message}.{" "}
      {again && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </p>
  );
}
