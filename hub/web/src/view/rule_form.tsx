// Making and changing a rule, and trying it on what has happened before it counts.

import { useState } from "preact/hooks";

import { fieldsOf, kinds, ruleOf, ruleStates, type Rule } from "../model/rules";
import { stateText } from "../model/words";
import { putRule, tryRule, type DryRun } from "../settings_api";
import { store } from "../store";
import { Choice, Field, Form, type Fields } from "./form";
import { Name, Time } from "./parts";

const most = 20;
const day = 86_400_000;
const spans: [string, string][] = [
  ["7", "the last 7 days"],
  ["1", "the last day"],
  ["30", "the last 30 days"],
];

interface Asks {
  label: string;
  hint?: string;
}

const labels: Record<string, Asks> = {
  findings: { label: "Findings", hint: "Their codes, such as dns_resolver_outside ipv6_outside" },
  exposed_s: { label: "Exposed for, in seconds" },
  deviations: { label: "How unusual", hint: "Median deviations; usual: 6" },
  count: { label: "How often" },
  of: { label: "Of so many checks" },
  window_minutes: { label: "Within, in minutes" },
};

/** Outcome of a trial: how much it would have told, and of whom. */
function Outcome({ run: { would_have, messages }, days }: { run: DryRun; days: string }) {
  return (
    <div id="rule-trial" role="status" class="once">
      <p>
        In {spans.find(([value]) => value === days)?.[1]} it would have sent{" "}
        <strong>{messages === 1 ? "1 message" : `${messages} messages`}</strong>
        {messages === 0 ? "." : ":"}
      </p>
      <ul class="entries">
        {would_have.slice(0, most).map((each, place) => (
          <li key={place}>
            <span class="entry-head">
              <Time at={each.at} /> {each.client_id ? <Name id={each.client_id} /> : <span class="quiet">several</span>}
              <span>{each.title}</span>
            </span>
          </li>
        ))}
      </ul>
      {would_have.length > most && <p class="quiet">and {would_have.length - most} more</p>}
    </div>
  );
}

/** `rule`: the one that is changed; null: a new one. */
export function RuleForm({ rule, channels, done }: { rule: Rule | null; channels: string[]; done: (name: string | null) => void }) {
  const [on, setOn] = useState(String(rule?.on ?? "state"));
  const [trial, setTrial] = useState<{ run: DryRun; days: string } | null>(null);
  const was = fieldsOf(rule);
  const field = (name: string, label: string, hint?: string) => (
    <Field key={`${on} ${name}`} name={name} label={label} hint={hint} autocomplete="off" value={was[name]} />
  );
  const save = async (fields: Fields): Promise<void> => {
    const made = ruleOf(fields);
    await putRule(made);
    done(made.name);
  };
  const attempt = async (fields: Fields): Promise<void> => {
    setTrial(null);
    const to = store.hubTime();
    const days = fields.days ?? "7";
    const run = await tryRule(ruleOf(fields), new Date(to - Number(days) * day), new Date(to));
    setTrial({ run, days });
  };
  const states = Array.isArray(rule?.states) ? rule.states : [];
  return (
    <>
      <Form name="rule" button="Save the rule" send={save} other={{ button: "Try it", send: attempt }} cancel={() => done(null)}>
        {rule ? (
          <input type="hidden" name="name" value={rule.name} />
        ) : (
          <Field name="name" label="Name" hint="a-z, 0-9 and -" autocomplete="off" maxLength={32} focus />
        )}
        <Choice
          name="on"
          label="What it is about"
          value={on}
          chosen={setOn}
          options={Object.entries(kinds).map(([value, { name }]) => [value, name])}
        />
        {kinds[on]?.asks.map((name) =>
          name === "states" ? (
            <fieldset key={name}>
              <legend>States (none: whatever is not secure)</legend>
              {ruleStates.map((state) => (
                <label key={state} class="check">
                  <input type="checkbox" name={`state_${state}`} defaultChecked={states.includes(state)} />
                  {stateText(state).word}
                </label>
              ))}
            </fieldset>
          ) : (
            field(name, labels[name]?.label ?? name, labels[name]?.hint)
          ),
        )}
        {field("clients", "Clients (empty: all)", "Names, with * for any letters, such as office-* nas")}
        {field("groups", "Groups (empty: all)")}
        {field("channels", "Channels (empty: all)", channels.length > 0 ? `There are: ${channels.join(", ")}` : "There are none yet")}
        {field("delay_s", "Wait before it is told, in seconds", "What ends within it is not told")}
        {field("remind_minutes", "Remind every … minutes (empty: never)")}
        <details>
          <summary>More</summary>
          <div class="form">
            {field("clear_delay_s", "Wait before it is over, in seconds", "What comes back within it was not over")}
            {field("group_wait_s", "Collect several into one message, in seconds")}
            {field("escalate_after_minutes", "Tell others after … minutes, when nobody has acknowledged")}
            {field("escalate_to", "Channels of the others")}
            {field("quiet_hours", "Quiet hours", "Such as 22:00-07:00; danger does not wait for their end")}
            {field("time_zone", "Their time zone", "local, UTC or +02:00")}
          </div>
        </details>
        <Choice name="days" label="Try it on" options={spans} />
      </Form>
      {trial && <Outcome {...trial} />}
    </>
  );
}
