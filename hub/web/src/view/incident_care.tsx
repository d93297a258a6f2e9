// What people do about an incident: take it upon themselves, write to one another, have no more messages for a while.

import { acknowledge, askMutes, comment, takeAcknowledgementBack } from "../api";
import { FieldFault, isAtLeast } from "../model/session";
import type { IncidentDetail } from "../model/types";
import { useStore } from "../store";
import { Act, Fault, useFault } from "./act";
import { useAnswer } from "./ask";
import { Field, Form, Lines, type Fields } from "./form";
import { Muted, MuteForm } from "./mute";
import { Panel, Time } from "./parts";
import { Standing } from "./standing";

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
      <div class="entries">
        <Fault error={fault} />
        <div class="entry">
          <div class="entry-head">
            <span>
              by <strong>{acknowledged.by}</strong>, <Time at={acknowledged.at} />
            </span>
            {acknowledged.note && <span class="said">{acknowledged.note}</span>}
          </div>
          {may && (
            <Act
              label="Take it back"
              of="that it is acknowledged"
              sure="Shall it stand open again? Reminders go on then."
              act={async () => {
                setFault(null);
                await takeAcknowledgementBack(id).finally(again);
              }}
              failed={setFault}
            />
          )}
        </div>
      </div>
    );
  const send = async ({ note = "" }: Fields): Promise<void> => {
    await acknowledge(id, note.trim());
    again();
  };
  return (
    <>
      <p class="quiet">Nobody has.</p>
      {may && (
        <Form name="acknowledge" button="Acknowledge" send={send}>
          <Field name="note" label="Note (may be empty)" autocomplete="off" maxLength={longestText} />
        </Form>
      )}
    </>
  );
}

function Comments({ incident: { id, comments }, may, again }: CareProps) {
  const send = async ({ text = "" }: Fields, form: HTMLFormElement): Promise<void> => {
    if (!text.trim()) throw new FieldFault("text", "The comment is empty");
    await comment(id, text.trim());
    form.reset();
    again();
  };
  return (
    <>
      {comments.length === 0 && <p class="quiet">None.</p>}
      <ol class="comments">
        {comments.map((each) => (
          <li key={each.id}>
            <p class="quiet small">
              <strong>{each.by}</strong>, <Time at={each.at} />
            </p>
            <p class="said">{each.text}</p>
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

/** The client's own mute, and that of its group. */
function Messages({ subject, may }: { subject: string; may: boolean }) {
  const { fleet } = useStore();
  const answer = useAnswer("mutes", askMutes, 30_000);
  const [fault, setFault] = useFault();
  const group = fleet.clients.get(subject)?.group;
  const inForce = answer.value?.filter((each) => each.subject === subject || (group && each.subject === `group:${group}`)) ?? [];
  return (
    <>
      <Standing what="Who is muted" answer={answer} />
      <Fault error={fault} />
      {answer.value && inForce.length === 0 && <p class="quiet">No mute.</p>}
      <ul class="entries">
        {inForce.map((each) => (
          <li key={each.subject}>
            <Muted mute={each} may={may} again={answer.again} failed={setFault} />
          </li>
        ))}
      </ul>
      {answer.value && may && !inForce.some((each) => each.subject === subject) && <MuteForm subject={subject} made={answer.again} />}
    </>
  );
}

export function Care({ incident, again }: { incident: IncidentDetail; again: () => void }) {
  const { session } = useStore();
  const may = isAtLeast(session, "operator");
  return (
    <div class="three">
      <Panel title="Acknowledged" id="acknowledgement">
        <Acknowledged incident={incident} may={may} again={again} />
      </Panel>
      <Panel title="Comments" id="comments">
        <Comments incident={incident} may={may} again={again} />
      </Panel>
      <Panel title="Messages" id="messages">
        <Messages subject={incident.client_id} may={may} />
      </Panel>
    </div>
  );
}
