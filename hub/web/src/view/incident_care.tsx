// What people do about an incident: take it upon themselves, write to one another, have no more messages for a while.

import { acknowledge, askMutes, comment, mute, takeAcknowledgementBack, unmute } from "../api";
import { FieldFault, isAtLeast } from "../model/session";
import type { IncidentDetail } from "../model/types";
import { useStore } from "../store";
import { Act, Fault, useFault } from "./act";
import { useAnswer } from "./ask";
import { Choice, Field, Form, Lines, type Fields } from "./form";
import { Failure, Panel, Time } from "./parts";

const longestText = 2000;

interface CareProps {
  incident: IncidentDetail;
  /** May change something. */
  may: boolean;
  again: () => void;
}

function Acknowledged({ incident: { id, acknowledged }, may, again }: CareProps) {
  const [fault, setFault] = useFault();
  if (acknowledged)
    return (
      <>
        <p>
          <strong>{acknowledged.by}</strong> takes care of it since <Time at={acknowledged.at} />
          {acknowledged.note && `: ${acknowledged.note}`}
        </p>
        <Fault error={fault} />
        {may && (
          <Act
            label="Take it back"
            of="that somebody takes care"
            sure="Shall it stand open again? Reminders go on then."
            act={async () => {
              setFault(null);
              await takeAcknowledgementBack(id);
              again();
            }}
            failed={setFault}
          />
        )}
      </>
    );
  const send = async ({ note = "" }: Fields): Promise<void> => {
    await acknowledge(id, note.trim());
    again();
  };
  return (
    <>
      <p class="quiet">Nobody has said yet that he takes care of it.</p>
      {may && (
        <Form name="acknowledge" button="Acknowledge" send={send}>
          <Field name="note" label="Note (may be empty)" autocomplete="off" maxLength={longestText} />
        </Form>
      )}
    </>
  );
}

function Comments({ incident: { id, comments = [] }, may, again }: CareProps) {
  const send = async ({ text = "" }: Fields, form: HTMLFormElement): Promise<void> => {
    if (!text.trim()) throw new FieldFault("text", "The comment is empty");
    await comment(id, text.trim());
    form.reset();
    again();
  };
  return (
    <>
      <h3 class="first">Comments</h3>
      {comments.length === 0 && <p class="quiet">None.</p>}
      <ol class="comments">
        {comments.map((each) => (
          <li key={each.id}>
            <p class="quiet small">
              <strong>{each.by}</strong> <Time at={each.at} />
            </p>
            <p class="text">{each.text}</p>
          </li>
        ))}
      </ol>
      {may && (
        <Form name="comment" button="Comment" send={send}>
          <Lines name="text" label="Your comment" maxLength={longestText} />
        </Form>
      )}
    </>
  );
}

const spans: [string, string][] = [
  ["60", "For an hour"],
  ["480", "For 8 hours"],
  ["1440", "For a day"],
  ["10080", "For a week"],
  ["", "Until somebody takes it back"],
];

function Messages({ subject, may }: { subject: string; may: boolean }) {
  const answer = useAnswer("mutes", askMutes, 30_000);
  const [fault, setFault] = useFault();
  const known = answer.value?.find((each) => each.subject === subject);
  const send = async ({ minutes = "", reason = "" }: Fields): Promise<void> => {
    await mute(subject, reason.trim(), minutes ? Number(minutes) : undefined);
    answer.again();
  };
  return (
    <>
      <h3>Messages about {subject}</h3>
      {answer.error && <Failure what="Who is muted" error={answer.error} again={answer.again} />}
      <Fault error={fault} />
      {known && (
        <p>
          Muted by <strong>{known.by}</strong> {known.until ? <>until <Time at={known.until} /></> : "until somebody takes it back"}
          {known.reason && `: ${known.reason}`}{" "}
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
        </p>
      )}
      {answer.value && !known && <p class="quiet">They are sent.</p>}
      {answer.value && !known && may && (
        <Form name="mute" button="Mute" send={send}>
          <Choice name="minutes" label="How long" options={spans} />
          <Field name="reason" label="Reason (may be empty)" autocomplete="off" maxLength={longestText} />
        </Form>
      )}
    </>
  );
}

export function Care({ incident, again }: { incident: IncidentDetail; again: () => void }) {
  const { session } = useStore();
  const may = isAtLeast(session, "operator");
  return (
    <Panel title="Who takes care" id="care">
      <div class="two even">
        <div>
          <Acknowledged incident={incident} may={may} again={again} />
          <Messages subject={incident.client_id} may={may} />
        </div>
        <div>
          <Comments incident={incident} may={may} again={again} />
        </div>
      </div>
    </Panel>
  );
}
