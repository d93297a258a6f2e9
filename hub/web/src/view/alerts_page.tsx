// Who is told what, and when not: channels, rules, maintenance windows, mutes.

import { useState } from "preact/hooks";

import { ApiError, askMutes, unmute } from "../api";
import { FieldFault, isAtLeast } from "../model/session";
import type { Json } from "../model/types";
import { codeText } from "../model/words";
import {
  announceMaintenance,
  askChannels,
  askMaintenance,
  askRules,
  endMaintenance,
  testChannel,
  type Channel,
  type Maintenance,
  type Rule,
} from "../settings_api";
import { useStore } from "../store";
import { Act, Fault, useFault } from "./act";
import { useAnswer, type Answer } from "./ask";
import { Field, Form, type Fields } from "./form";
import { Failure, Panel, Time } from "./parts";

/** What is true of all lists here. A hub that does not know the question is older than this page. */
function Standing({ what, answer, none }: { what: string; answer: Answer<unknown[]>; none: string }) {
  if (answer.error instanceof ApiError && answer.error.status === 404) return <p class="quiet">This hub does not tell.</p>;
  if (answer.error) return <Failure what={what} error={answer.error} again={answer.again} />;
  if (answer.loading) return <p class="quiet">Asking…</p>;
  return answer.value?.length === 0 ? <p class="quiet">{none}</p> : null;
}

function channelState({ on, failing, waiting, last_error }: Channel): { how: string; text: string } {
  if (!on) return { how: "none", text: "off" };
  if (failing) return { how: "bad", text: `does not take messages: ${last_error || "the reason is not known"}` };
  return waiting > 0 ? { how: "unknown", text: `${waiting} waiting` } : { how: "good", text: "works" };
}

function Channels({ may }: { may: boolean }) {
  const answer = useAnswer<Channel[]>("channels", askChannels, 15_000);
  const { live } = useStore();
  const [told, setTold] = useState<Record<string, string>>({});
  const test = (name: string): void => {
    const tell = (text: string): void => setTold((before) => ({ ...before, [name]: text }));
    tell("Sending…");
    testChannel(name)
      .then(({ delivered, took_ms, reason }) => tell(delivered ? `Delivered after ${took_ms} ms.` : `Not delivered: ${reason}`))
      .catch((error: Error) => tell(`Not sent: ${error.message}`))
      .finally(answer.again);
  };
  return (
    <Panel title="Channels" id="channels">
      <Standing what="The channels" answer={answer} none="None: nobody is told of anything." />
      <ul class="entries">
        {(answer.value ?? []).map((each) => {
          const state = channelState(each);
          return (
            <li key={each.name} data-how={live ? state.how : "none"}>
              <div class="entry-head">
                <strong>{each.name}</strong>
                <span class="badge">{each.kind}</span>
                <span class="told-state" data-how={live ? state.how : "none"}>
                  {state.text}
                </span>
                <span class="quiet">
                  {each.delivered} delivered{each.given_up > 0 && `, ${each.given_up} given up`}
                </span>
              </div>
              {may && each.on && (
                <button type="button" class="act" onClick={() => test(each.name)}>
                  Send a test<span class="hidden"> to {each.name}</span>
                </button>
              )}
              <p class="told" role="status">
                {told[each.name]}
              </p>
            </li>
          );
        })}
      </ul>
      <p class="quiet small">
        Channels stand in the hub's settings and in the file that <code>alerts_file</code> names.
      </p>
    </Panel>
  );
}

const valueText = (value: Json | undefined): string => (Array.isArray(value) ? value.map(String).join(", ") : String(value));

function Rules() {
  const answer = useAnswer<Rule[]>("rules", askRules);
  return (
    <Panel title="Rules" id="rules">
      <Standing what="The rules" answer={answer} none="None: nobody is told of anything." />
      <ul class="entries">
        {(answer.value ?? []).map(({ name, source, ...rest }) => (
          <li key={name}>
            <div class="entry-head">
              <strong>{name}</strong>
              {source && <span class="badge">{source === "file" ? "from the file" : source}</span>}
              {Object.entries(rest)
                .filter(([, value]) => value !== null && value !== "" && !(Array.isArray(value) && value.length === 0))
                .map(([key, value]) => (
                  <span key={key}>
                    <span class="quiet">{codeText(key)}</span> {valueText(value)}
                  </span>
                ))}
            </div>
          </li>
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
          {each.weekly ?? (
            <>
              <Time at={each.from ?? ""} /> to <Time at={each.to ?? ""} />
            </>
          )}
          {each.reason && `: ${each.reason}`}
        </span>
      </div>
      {may && !each.from_file && each.id !== undefined && (
        <Act
          label="End"
          of={each.name}
          sure={`End the maintenance ${each.name}? Messages are sent again.`}
          act={async () => {
            failed(null);
            await endMaintenance(each.id!);
            again();
          }}
          failed={failed}
        />
      )}
    </li>
  );
}

function MaintenanceWindows({ may }: { may: boolean }) {
  const answer = useAnswer<Maintenance[]>("maintenance", askMaintenance);
  const [fault, setFault] = useFault();
  return (
    <Panel title="Maintenance windows" id="maintenance">
      <p class="quiet">Nobody is told of these clients meanwhile. They are judged as always.</p>
      <Fault error={fault} />
      <Standing what="The maintenance windows" answer={answer} none="None." />
      <ul class="entries">
        {(answer.value ?? []).map((each) => (
          <Window key={each.id ?? each.name} each={each} may={may} again={answer.again} failed={setFault} />
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
  const answer = useAnswer("mutes", askMutes);
  const [fault, setFault] = useFault();
  return (
    <Panel title="Muted clients" id="mutes">
      <p class="quiet">A client is muted on the page of one of its incidents.</p>
      <Fault error={fault} />
      <Standing what="Who is muted" answer={answer} none="None." />
      <ul class="entries">
        {(answer.value ?? []).map(({ subject, until, by, reason }) => (
          <li key={subject}>
            <div class="entry-head">
              <strong>{subject}</strong>
              <span class="quiet">
                by {by}, {until ? <>until <Time at={until} /></> : "until somebody takes it back"}
                {reason && `: ${reason}`}
              </span>
            </div>
            {may && (
              <Act
                label="Tell again"
                of={`of ${subject}`}
                sure={`Send messages about ${subject} again?`}
                act={async () => {
                  setFault(null);
                  await unmute(subject);
                  answer.again();
                }}
                failed={setFault}
              />
            )}
          </li>
        ))}
      </ul>
    </Panel>
  );
}

export function AlertsPage() {
  const { session } = useStore();
  const may = isAtLeast(session, "operator");
  return (
    <>
      <Channels may={may} />
      <Rules />
      <MaintenanceWindows may={may} />
      <Mutes may={may} />
    </>
  );
}
