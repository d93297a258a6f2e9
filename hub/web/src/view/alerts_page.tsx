// Who is told what, and when not: channels, rules, maintenance windows, mutes.

import { askMutes } from "../api";
import { FieldFault, isAtLeast } from "../model/session";
import type { Json } from "../model/types";
import { codeText } from "../model/words";
import {
  announceMaintenance,
  askChannels,
  askMaintenance,
  askRules,
  endMaintenance,
  removeRule,
  type Channel,
  type Maintenance,
  type Rule,
} from "../settings_api";
import { useStore } from "../store";
import { Act, Fault, useFault } from "./act";
import { useAnswer, type Answer } from "./ask";
import { Field, Form, type Fields } from "./form";
import { Muted, MuteForm } from "./mute";
import { Failure, Panel, Time } from "./parts";

/** What is true of all lists here. */
function Standing({ what, answer, none }: { what: string; answer: Answer<unknown[]>; none: string }) {
  if (answer.error) return <Failure what={what} error={answer.error} again={answer.again} />;
  if (answer.loading) return <p class="quiet">Asking…</p>;
  return answer.value?.length === 0 ? <p class="quiet">{none}</p> : null;
}

function channelState({ on, failing, waiting, last_error }: Channel): { how: string; text: string } {
  if (!on) return { how: "none", text: "off" };
  if (failing) return { how: "bad", text: `does not take messages: ${last_error || "the reason is not known"}` };
  return waiting > 0 ? { how: "unknown", text: `${waiting} waiting` } : { how: "good", text: "works" };
}

function Channels() {
  const answer = useAnswer<Channel[]>("channels", askChannels, 15_000);
  const { live } = useStore();
  return (
    <Panel title="Channels" id="channels">
      <Standing what="The channels" answer={answer} none="None: nobody is told of anything." />
      <ul class="entries">
        {(answer.value ?? []).map((each) => {
          const state = channelState(each);
          return (
            <li key={each.name}>
              <div class="entry-head">
                <strong>{each.name}</strong>
                <span class="badge">{each.kind}</span>
                <span class="told-state" data-how={live ? state.how : "none"}>
                  {state.text}
                </span>
                <span class="quiet">
                  {each.delivered} delivered{each.given_up > 0 && `, ${each.given_up} given up`}
                  {" since the hub started"}
                </span>
              </div>
            </li>
          );
        })}
      </ul>
      <p class="quiet small">
        Channels stand in the hub's settings and in the file that <code>alerts_file</code> names. On the hub's machine{" "}
        <code>vpn-sentinel-hub channels test NAME</code> sends a test message.
      </p>
    </Panel>
  );
}

const sources: Record<string, string> = { file: "from the file", "built-in": "built in", api: "by the API" };
const units: Record<string, string> = { s: "s", minutes: "min" };

/** "delay_s": 60 is "Delay" and "60 s". */
function ruleFact(key: string, value: Json | undefined): [string, string] {
  const text = Array.isArray(value) ? value.map(String).join(", ") : String(value);
  const [, name, unit] = /^(.+)_(s|minutes)$/.exec(key) ?? [];
  return name && unit ? [codeText(name), `${text} ${units[unit]}`] : [codeText(key), key === "on" ? codeText(text) : text];
}

interface RuleProps {
  rule: Rule;
  may: boolean;
  again: () => void;
  failed: (error: Error | null) => void;
}

function RuleEntry({ rule: { name, source, on, states, ...rest }, may, again, failed }: RuleProps) {
  const facts = Object.entries({ on, states, ...rest }).filter(([, value]) => value !== undefined);
  return (
    <li>
      <div class="entry-head">
        <strong>{name}</strong>
        <span class="badge">{sources[source] ?? source}</span>
        {facts.map(([key, value]) => {
          const [label, text] = ruleFact(key, value);
          return (
            <span key={key}>
              <span class="quiet">{label}:</span> {text}
            </span>
          );
        })}
      </div>
      {may && source === "api" && (
        <Act
          label="Remove"
          of={name}
          sure={`Remove the rule ${name}? One of that name in the file holds again.`}
          act={async () => {
            failed(null);
            await removeRule(name).finally(again);
          }}
          failed={failed}
        />
      )}
    </li>
  );
}

function Rules({ may }: { may: boolean }) {
  const answer = useAnswer<Rule[]>("rules", askRules, 30_000);
  const [fault, setFault] = useFault();
  return (
    <Panel title="Rules" id="rules">
      <p class="quiet">What is told to whom. What has its usual value is left out; without channels, all of them are told.</p>
      <Fault error={fault} />
      <Standing what="The rules" answer={answer} none="None: nobody is told of anything." />
      <ul class="entries">
        {(answer.value ?? []).map((rule) => (
          <RuleEntry key={rule.name} rule={rule} may={may} again={answer.again} failed={setFault} />
        ))}
      </ul>
    </Panel>
  );
}

/** What the field of a browser gives is local time. */
const instant = (field: string, local: string | undefined): string => {
  const time = new Date(local ?? "");
  if (Number.isNaN(time.getTime())) throw new FieldFault(field, "A day and a time are missing");
  return time.toISOString();
};

function NewMaintenance({ made }: { made: () => void }) {
  const send = async ({ name = "", clients = "", from, to, reason = "" }: Fields, form: HTMLFormElement): Promise<void> => {
    if (!name.trim()) throw new FieldFault("name", "It needs a name");
    const patterns = clients.split(/[\s,]+/).filter((each) => each !== "");
    if (patterns.length === 0) throw new FieldFault("clients", "It is for at least one client");
    await announceMaintenance({
      name: name.trim(),
      clients: patterns,
      from: instant("from", from),
      to: instant("to", to),
      reason: reason.trim() || undefined,
    });
    form.reset();
    made();
  };
  return (
    <Form name="new-maintenance" button="Announce" send={send}>
      <Field name="name" label="Name" autocomplete="off" maxLength={64} />
      <Field name="clients" label="Clients" hint="Names, with * for any letters, such as office-* group:builders" autocomplete="off" />
      <Field name="from" label="From" kind="datetime-local" />
      <Field name="to" label="To" kind="datetime-local" />
      <Field name="reason" label="Reason (may be empty)" autocomplete="off" maxLength={500} />
    </Form>
  );
}

interface WindowProps {
  each: Maintenance;
  may: boolean;
  again: () => void;
  failed: (error: Error | null) => void;
}

function Window({ each, may, again, failed }: WindowProps) {
  return (
    <li>
      <div class="entry-head">
        <strong>{each.name}</strong>
        <code>{each.clients.join(" ")}</code>
        {each.from_file && <span class="badge">from the file</span>}
        <span class="quiet">
          {each.weekly ? (
            `each week ${each.weekly} (${each.time_zone})`
          ) : (
            <>
              <Time at={each.from ?? ""} /> to <Time at={each.to ?? ""} />
              {each.id !== null && `, by ${each.by}`}
            </>
          )}
        </span>
        {each.reason && <span class="quiet said">{each.reason}</span>}
      </div>
      {may && each.id !== null && (
        <Act
          label="End"
          of={each.name}
          sure={`End the maintenance ${each.name}? Messages are sent again.`}
          act={async () => {
            failed(null);
            await endMaintenance(each.id!).finally(again);
          }}
          failed={failed}
        />
      )}
    </li>
  );
}

function MaintenanceWindows({ may }: { may: boolean }) {
  const answer = useAnswer<Maintenance[]>("maintenance", askMaintenance, 30_000);
  const [fault, setFault] = useFault();
  return (
    <Panel title="Maintenance windows" id="maintenance">
      <p class="quiet">Nobody is told of these clients meanwhile. They are judged as always.</p>
      <Fault error={fault} />
      <Standing what="The maintenance windows" answer={answer} none="None." />
      <ul class="entries">
        {(answer.value ?? []).map((each, place) => (
          <Window key={each.id ?? `file ${place}`} each={each} may={may} again={answer.again} failed={setFault} />
        ))}
      </ul>
      {may && answer.value && (
        <details>
          <summary>Announce one</summary>
          <NewMaintenance made={answer.again} />
        </details>
      )}
    </Panel>
  );
}

function Mutes({ may }: { may: boolean }) {
  const answer = useAnswer("mutes", askMutes, 30_000);
  const [fault, setFault] = useFault();
  return (
    <Panel title="Mutes" id="mutes">
      <p class="quiet">Nobody is told of these clients and of the members of these groups. They are judged as always.</p>
      <Fault error={fault} />
      <Standing what="Who is muted" answer={answer} none="None." />
      <ul class="entries">
        {(answer.value ?? []).map((each) => (
          <li key={each.subject}>
            <Muted mute={each} may={may} again={answer.again} failed={setFault} />
          </li>
        ))}
      </ul>
      {may && answer.value && (
        <details>
          <summary>Mute a client or a group</summary>
          <MuteForm made={answer.again} />
        </details>
      )}
    </Panel>
  );
}

export function AlertsPage() {
  const { session } = useStore();
  const may = isAtLeast(session, "operator");
  return (
    <>
      <Channels />
      <Rules may={may} />
      <MaintenanceWindows may={may} />
      <Mutes may={may} />
    </>
  );
}
