// The hub itself: since when it runs, where it listens, how much it holds, and what its settings fix.

import { byteText } from "../model/times";
import { askHub, type HubFacts } from "../settings_api";
import { useStore } from "../store";
import { useAnswer } from "./ask";
import { Flag } from "./flag";
import { HubDnsState, placeOfHub, providerOfHub } from "./hub_line";
import { Panel, Time } from "./parts";
import { Standing } from "./standing";
import { Ago, For } from "./ticking";

/** `current`: false, it is the past. */
function Facts({ facts, current }: { facts: HubFacts; current: boolean }) {
  return (
    <Panel title="This hub" id="hub">
      {facts.warnings.map((each) => (
        <p key={each} class="failure">
          {each}
        </p>
      ))}
      <dl class="facts">
        <dt>Version</dt>
        <dd>{facts.version}</dd>
        {facts.exit && (
          <>
            <dt>Seen at</dt>
            <dd>
              {facts.exit.addresses.map((each) => (
                <span key={each} class="address">
                  {each}
                </span>
              ))}
              {placeOfHub(facts.exit) && (
                <span class="place">
                  <Flag country={facts.exit.country ?? ""} />
                  {placeOfHub(facts.exit)}
                </span>
              )}
              {providerOfHub(facts.exit) && <span class="quiet">{providerOfHub(facts.exit)}</span>}
              {facts.exit.at ? (
                <span class="quiet">
                  asked <Ago at={facts.exit.at} />
                </span>
              ) : (
                <span class="quiet">not known</span>
              )}
              {facts.exit.problem && <span class="quiet">No answer now: {facts.exit.problem}</span>}
            </dd>
          </>
        )}
        {facts.dns && (
          <>
            <dt>DNS</dt>
            <dd>
              <HubDnsState dns={facts.dns} current={current} />
              {facts.dns.took_ms !== undefined && ` within ${facts.dns.took_ms} ms`}
              {facts.dns.servers.length > 0 && <span class="quiet">by {facts.dns.servers.join(", ")}</span>}
              {facts.dns.problem && <span class="quiet">{facts.dns.problem}</span>}
            </dd>
          </>
        )}
        <dt>Runs since</dt>
        <dd>
          <Time at={facts.started} />
          {current && (
            <span class="quiet">
              {" "}
              (<For since={facts.started} />)
            </span>
          )}
        </dd>
        <dt>Listens at</dt>
        <dd>
          {facts.listeners.map(({ what, url }) => (
            <span key={`${what} ${url}`} class="place">
              {what} <code>{url}</code>
            </span>
          ))}
        </dd>
        <dt>Database</dt>
        <dd>
          {facts.store.works ? "" : "Reports cannot be stored now. "}
          {byteText(facts.store.bytes)}, connections {byteText(facts.store.connection_bytes)}
        </dd>
        <dt>Clients and groups</dt>
        <dd>{facts.clients}</dd>
        <dt>Open pages</dt>
        <dd>{facts.live_pages}</dd>
      </dl>
    </Panel>
  );
}

function Limits({ facts }: { facts: HubFacts }) {
  return (
    <Panel title="What the settings fix" id="limits">
      <p class="quiet">These stand in the hub's settings file or its environment, and take effect when it is started again.</p>
      <div class="scroll" role="region" aria-label="Settings, a table" tabIndex={0}>
        <table class="cardlike" role="table">
          <thead role="rowgroup">
            <tr role="row">
              {["What", "Value", "Setting"].map((name) => (
                <th key={name} scope="col" role="columnheader">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody role="rowgroup">
            {facts.limits.map(({ setting, meaning, value, unit }) => (
              <tr key={setting} role="row">
                <th scope="row" role="rowheader" data-label="What">
                  {meaning}
                </th>
                <td role="cell" data-label="Value">
                  {value === 0 ? "no limit" : `${value.toLocaleString("en-GB")} ${unit}`}
                </td>
                <td role="cell" data-label="Setting">
                  <code>{setting}</code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

export function HubPage() {
  const { live } = useStore();
  const answer = useAnswer("hub", askHub, 15_000);
  return (
    <>
      <Standing what="The hub's details" answer={answer} />
      {answer.value && (
        <>
          <Facts facts={answer.value} current={live && !answer.error} />
          <Limits facts={answer.value} />
        </>
      )}
    </>
  );
}
