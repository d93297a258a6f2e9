// The hub itself in one line of the overview: its version, by which address the Internet sees it, where that is, and whether its names are
// resolved.

import { askHubSelf, type HubSelf } from "../api";
import { settingsAddress } from "../model/place";
import { countryName } from "../model/words";
import { useStore } from "../store";
import { useAnswer } from "./ask";
import { Flag } from "./flag";
import { Ago } from "./ticking";

type Exit = NonNullable<HubSelf["exit"]>;

export const placeOfHub = ({ city, country }: Exit): string => [...new Set([city, countryName(country ?? "")].filter(Boolean))].join(", ");

export const providerOfHub = ({ organisation = "", asn }: Exit): string =>
  [asn !== undefined && !organisation.startsWith("AS") ? `AS${asn}` : "", organisation].filter(Boolean).join(" ");

const dnsWords = { answers: "answers", fails: "does not answer", not_asked: "is not asked" };
const dnsSigns = { answers: "✓", fails: "✕", not_asked: "–" };
const dnsHow = { answers: "good", fails: "bad", not_asked: "none" };

/** They are asked now and then alone: when is told, too. `current`: false, it is the past and has no colour. */
export function HubDnsState({ dns, current }: { dns: NonNullable<HubSelf["dns"]>; current: boolean }) {
  return (
    <span class="dns" data-how={current ? dnsHow[dns.state] : "past"}>
      <span aria-hidden="true">{dnsSigns[dns.state]} </span>
      {dnsWords[dns.state]}
      {dns.at && (
        <span class="quiet">
          , asked <Ago at={dns.at} />
        </span>
      )}
    </span>
  );
}

export function HubLine() {
  const { live } = useStore();
  const { value, error } = useAnswer("hub", askHubSelf, 60_000);
  if (!value) return error ? <p class="hub-line quiet small">The hub's own details could not be read: {error.message}</p> : null;
  const { exit, dns, version } = value;
  return (
    <p id="this-hub" class="hub-line quiet small">
      <a href={settingsAddress("hub")}>This hub</a>
      <span>{version}</span>
      {exit && exit.addresses.length === 0 && <span title={exit.problem}>address not known</span>}
      {exit?.addresses.map((each) => (
        <span key={each} class="address">
          {each}
        </span>
      ))}
      {exit && exit.addresses.length > 0 && exit.problem && <span>no answer now: {exit.problem}</span>}
      {exit && placeOfHub(exit) && (
        <span>
          <Flag country={exit.country ?? ""} />
          {placeOfHub(exit)}
        </span>
      )}
      {exit && providerOfHub(exit) && <span>{providerOfHub(exit)}</span>}
      {dns && (
        <span>
          DNS <HubDnsState dns={dns} current={live && !error} />
        </span>
      )}
    </p>
  );
}
