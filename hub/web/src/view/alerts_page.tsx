// Who is told what, and when not: channels, rules, maintenance windows, mutes.

import { askMutes } from "../api";
import { FieldFault, isAtLeast } from "../model/session";
import { announceMaintenance, askChannels, askMaintenance, endMaintenance, type Channel, type Maintenance } from "../settings_api";
import { useStore } from "../store";
import { Act, Fault, useFault } from "./act";
import { useAnswer } from "./ask";
import { Channels } from "./channels_panel";
import { Field, Form, type Fields } from "./form";
import { Muted, MuteForm } from "./mute";
import { Panel, Time } from "./parts";
import { Rules } from "./rules_panel";
import { Standing } from "./standing";

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
  const channels = useAnswer<Channel[]>("channels", askChannels, 15_000);
  return (
    <>
      <Channels answer={channels} may={may} />
      <Rules may={may} channels={(channels.value ?? []).map(({ name }) => name)} />
      <MaintenanceWindows may={may} />
      <Mutes may={may} />
    </>
  );
}
