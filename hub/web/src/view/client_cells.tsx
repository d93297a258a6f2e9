// What table and tiles show of a client.

import type { Client, Member } from "../model/types";
import { byGravity, countryOf, dnsLight, exitAddresses, meaningOf, placeText, stateText } from "../model/words";
import { useStore } from "../store";
import { Flag } from "./flag";
import { Name } from "./parts";

/** Of a group also who decides in it and what each of its probes sees. */
export function NameCell({ client, current, muted }: { client: Client; current: boolean; muted?: string }) {
  return (
    <>
      <Name id={client.client_id} />
      <MutedMark muted={muted} />
      {client.group && <span class="quiet small tag">{client.group}</span>}
      <Tags tags={client.tags} />
      {client.rule && <span class="quiet small member">Rule: {client.rule}</span>}
      {client.members && <Members members={client.members} current={current} />}
    </>
  );
}

/** Drawn with each change of the fleet, not of the group alone. */
function Members({ members, current }: { members: Member[]; current: boolean }) {
  const { fleet, clock } = useStore();
  return (
    <>
      {members.map((member) => (
        <span key={member.client_id} class="quiet small member">
          {member.client_id}: {current ? "" : "was "}
          {stateText(fleet.memberState(member, clock.now())).word}
          {member.sees ? "" : " (cannot see)"}
        </span>
      ))}
    </>
  );
}

/** Nobody is told of it: that is no light, and none of it is hidden. */
export function MutedMark({ muted }: { muted?: string }) {
  if (muted === undefined) return null;
  return (
    <>
      {" "}
      <span class="badge" title={`Muted ${muted}`}>
        muted
      </span>
    </>
  );
}

export function Tags({ tags }: { tags?: string[] }) {
  if (!tags?.length) return null;
  return (
    <span class="tags">
      <span class="hidden">Tags: </span>
      {tags.map((tag) => (
        <span key={tag} class="label">
          {tag}
        </span>
      ))}
    </span>
  );
}

/** The gravest finding in words; what is for information only is no reason. */
export function Why({ client }: { client: Client }) {
  const findings = byGravity(client.findings.filter((finding) => finding.severity !== "information"));
  if (findings.length === 0) return <span class="quiet">{client.state === "secure" ? "No finding" : "–"}</span>;
  return (
    <span class="why">
      {meaningOf(findings[0]!)}
      {findings.length > 1 && <span class="quiet"> +{findings.length - 1} more</span>}
    </span>
  );
}

export function Exit({ client }: { client: Client }) {
  const addresses = exitAddresses(client);
  const country = countryOf(client);
  const place = placeText(client);
  if (addresses.length === 0 && !place) return <span class="quiet">not known</span>;
  return (
    <>
      {addresses.map((address) => (
        <span key={address} class="address">
          {address}
        </span>
      ))}
      {place && (
        <span class="place">
          <Flag country={country} />
          {place}
        </span>
      )}
      {client.location?.org && <span class="quiet small">{client.location.org}</span>}
    </>
  );
}

const dnsSigns = { good: "✓", bad: "✕", unknown: "?", none: "–" };

/** What was found once is no verdict about now: who is not current has no colour. */
export function Dns({ client, current }: { client: Client; current: boolean }) {
  const light = dnsLight(client);
  return (
    <span class="dns" data-how={current ? light.how : "past"}>
      <span aria-hidden="true">{dnsSigns[light.how]} </span>
      {light.text}
    </span>
  );
}

export function TunnelCell({ client }: { client: Client }) {
  const tunnel = client.tunnel;
  if (!tunnel) return <span class="quiet">not told</span>;
  return (
    <>
      {tunnel.name} {tunnel.up ? "up" : <strong>down</strong>}
      <span class="quiet small">{tunnel.kind}</span>
    </>
  );
}
