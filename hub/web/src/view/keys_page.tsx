// For operators: codes for new probes, and the keys that probes report with.

import { useState } from "preact/hooks";

import type { Enrolment } from "../api";
import { FieldFault } from "../model/session";
import { addKey, askEnrolments, askKeys, removeEnrolment, revokeKey, rotateKey, type Key } from "../settings_api";
import { Act, Fault, useFault } from "./act";
import { useAnswer } from "./ask";
import { Field, Form, type Fields } from "./form";
import { NewProbe } from "./new_probe";
import { Once } from "./once";
import { Panel, Time } from "./parts";
import { Standing } from "./standing";

function Enrolments() {
  const open = useAnswer<Enrolment[]>("enrolments", askEnrolments);
  const [fault, setFault] = useFault();
  const remove = async (id: number): Promise<void> => {
    setFault(null);
    await removeEnrolment(id);
    open.again();
  };
  return (
    <Panel title="New probe" id="enrolments">
      <NewProbe made={open.again} />
      <h3>Codes that nobody has used yet</h3>
      <Fault error={fault} />
      <Standing what="The codes" answer={open} none="None." />
      <ul class="entries">
        {(open.value ?? []).map((each) => (
          <li key={each.id}>
            <div class="entry-head">
              <strong>{each.client_id}</strong>
              {each.group && <span>group {each.group}</span>}
              <span class="quiet">
                by {each.created_by}, until <Time at={each.expires} />
              </span>
            </div>
            <Act
              label="Withdraw"
              of={each.client_id}
              sure={`Withdraw the code of ${each.client_id}?`}
              act={() => remove(each.id)}
              failed={setFault}
            />
          </li>
        ))}
      </ul>
    </Panel>
  );
}

interface Told {
  name: string;
  key: string;
}

function NewKey({ made }: { made: (told: Told) => void }) {
  const send = async ({ name = "", clients = "", read }: Fields, form: HTMLFormElement): Promise<void> => {
    if (!name.trim()) throw new FieldFault("name", "The key needs a name");
    const patterns = clients.split(/[\s,]+/).filter((each) => each !== "");
    made({ name, key: await addKey(name.trim(), patterns, read !== undefined) });
    form.reset();
  };
  return (
    <Form name="new-key" button="Make a key" send={send}>
      <Field name="name" label="Name" autocomplete="off" maxLength={64} />
      <Field
        name="clients"
        label="Clients"
        hint="Who may report with it: names, or beginnings of names with '*', such as office-vpn lab-*"
        autocomplete="off"
      />
      <label class="check">
        <input type="checkbox" name="read" /> It may also read everything
      </label>
    </Form>
  );
}

function Keys() {
  const keys = useAnswer<Key[]>("keys", askKeys);
  const [told, setTold] = useState<Told | null>(null);
  const [fault, setFault] = useFault();
  const show = (key: Told | null): void => {
    setFault(null);
    setTold(key);
    keys.again();
  };
  return (
    <Panel title="Keys of probes" id="keys">
      <Fault error={fault} />
      {told && <Once title={`The key ${told.name}.`} text={told.key} />}
      <Standing what="The keys" answer={keys} none="None." />
      <ul class="entries">
        {(keys.value ?? []).map(({ name, clients, groups = [], read, created }) => (
          <li key={name}>
            <div class="entry-head">
              <strong>{name}</strong>
              <code>{[...clients, ...groups.map((group) => `group:${group}`)].join(" ")}</code>
              {read && <span class="badge">reads</span>}
              <span class="quiet">
                since <Time at={created} />
              </span>
            </div>
            <div class="acts">
            <Act
              label="Rotate"
              of={name}
              sure={`Make a new key ${name}? The one of now is refused at once.`}
              act={async () => show({ name, key: await rotateKey(name) })}
              failed={setFault}
            />
            <Act
              label="Revoke"
              of={name}
              sure={`Revoke the key ${name}? Its probes are refused at once.`}
              act={async () => {
                await revokeKey(name);
                show(null);
              }}
              failed={setFault}
            />
            </div>
          </li>
        ))}
      </ul>
      <h3>New key</h3>
      <NewKey made={show} />
    </Panel>
  );
}

export const KeysPage = () => (
  <>
    <Enrolments />
    <Keys />
  </>
);
