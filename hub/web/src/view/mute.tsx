// Mutes: nobody is told of a client or of a group for a while. They stand on the alerts' page and on that of an incident.

import { mute, unmute } from "../api";
import { FieldFault } from "../model/session";
import type { Mute } from "../model/types";
import { Act } from "./act";
import { Choice, Field, Form, type Fields } from "./form";
import { Name, Time } from "./parts";

const spans: [string, string][] = [
  ["60", "For an hour"],
  ["480", "For 8 hours"],
  ["1440", "For a day"],
  ["10080", "For a week"],
  ["", "Until somebody takes it back"],
];

/** Without `subject` it is asked for. */
export function MuteForm({ subject, made }: { subject?: string; made: () => void }) {
  const send = async ({ subject: typed = "", minutes = "", reason = "" }: Fields, form: HTMLFormElement): Promise<void> => {
    const wanted = subject ?? typed.trim();
    if (!wanted) throw new FieldFault("subject", "A client or a group is missing");
    await mute(wanted, reason.trim(), minutes ? Number(minutes) : undefined);
    form.reset();
    made();
  };
  return (
    <Form name="mute" button="Mute" send={send}>
      {subject === undefined && (
        <Field name="subject" label="Client or group" hint="A client's name, or group: and the group's" autocomplete="off" maxLength={128} />
      )}
      <Choice name="minutes" label="How long" options={spans} />
      <Field name="reason" label="Reason (may be empty)" autocomplete="off" maxLength={500} />
    </Form>
  );
}

interface MutedProps {
  mute: Mute;
  /** May end it. */
  may: boolean;
  again: () => void;
  failed: (error: Error | null) => void;
}

/** One that is in force, and the way to end it. */
export function Muted({ mute: { subject, until, by, reason }, may, again, failed }: MutedProps) {
  return (
    <>
      <div class="entry-head">
        <strong>
          <Name id={subject} />
        </strong>
        <span>
          muted by {by}, {until ? <>until <Time at={until} /></> : "until somebody takes it back"}
        </span>
        {reason && <span class="quiet said">{reason}</span>}
      </div>
      {may && (
        <Act
          label="Tell again"
          of={`of ${subject}`}
          sure={`Send messages about ${subject} again?`}
          act={async () => {
            failed(null);
            await unmute(subject).finally(again);
          }}
          failed={failed}
        />
      )}
    </>
  );
}
