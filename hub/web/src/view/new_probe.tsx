// A one-time code for a new probe, with the command that uses it.

import { useState } from "preact/hooks";

import { addEnrolment } from "../api";
import { enrolCommand, FieldFault } from "../model/session";
import { useStore } from "../store";
import { Field, Form, type Fields } from "./form";
import { Once } from "./once";
import { Time } from "./parts";

interface Made {
  code: string;
  client_id: string;
  expires: string;
}

interface NewProbeProps {
  made?: () => void;
  /** A name to begin with. */
  client?: string;
}

export function NewProbe({ made: tell = () => {}, client }: NewProbeProps) {
  const { about } = useStore();
  const [made, setMade] = useState<Made | null>(null);
  const send = async ({ client_id = "", group = "" }: Fields, form: HTMLFormElement): Promise<void> => {
    if (!client_id.trim()) throw new FieldFault("client_id", "The client needs a name");
    setMade(await addEnrolment(client_id.trim(), group.trim()));
    form.reset();
    // The name to begin with has its code: a second press must not make another one of it.
    for (const name of form.querySelectorAll<HTMLInputElement>("[name=client_id]")) name.value = "";
    tell();
  };
  return (
    <>
      <Form name="new-probe" button="Make a code" send={send}>
        <Field name="client_id" label="Client" hint="Its name here, such as office-vpn" autocomplete="off" maxLength={64} value={client} />
        <Field name="group" label="Group (may be empty)" autocomplete="off" maxLength={128} />
      </Form>
      {made && (
        <Once
          title={`Run this as root on the machine of ${made.client_id}.`}
          text={about ? enrolCommand(about, location.hostname, made.code) : made.code}
        >
          <p class="quiet small">
            The code works once, until <Time at={made.expires} />. Then start or restart the probe.
          </p>
        </Once>
      )}
    </>
  );
}
