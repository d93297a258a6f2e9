// What is told to whom: the rules, and a form to make and change them.

import { useState } from "preact/hooks";

import type { Rule } from "../model/rules";
import type { Json } from "../model/types";
import { codeText } from "../model/words";
import { askRules, removeRule } from "../settings_api";
import { Act, Fault, useFault } from "./act";
import { useAnswer } from "./ask";
import { Panel } from "./parts";
import { RuleForm } from "./rule_form";
import { Standing } from "./standing";

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
  change: () => void;
  again: () => void;
  failed: (error: Error | null) => void;
}

function RuleEntry({ rule: { name, source, on, states, ...rest }, may, change, again, failed }: RuleProps) {
  const facts = Object.entries({ on, states, ...rest }).filter(([, value]) => value !== undefined);
  return (
    <li>
      <div class="entry-head">
        <strong>{name}</strong>
        <span class="badge">{sources[source ?? ""] ?? source}</span>
        {facts.map(([key, value]) => {
          const [label, text] = ruleFact(key, value);
          return (
            <span key={key}>
              <span class="quiet">{label}:</span> {text}
            </span>
          );
        })}
      </div>
      {may && (
        <div class="acts">
          <button type="button" class="act" onClick={change}>
            Change<span class="hidden"> {name}</span>
          </button>
          {source === "api" && (
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
        </div>
      )}
    </li>
  );
}

export function Rules({ may, channels }: { may: boolean; channels: string[] }) {
  const answer = useAnswer<Rule[]>("rules", askRules, 30_000);
  const [fault, setFault] = useFault();
  /** Null: none is open. */
  const [form, setForm] = useState<{ rule: Rule | null } | null>(null);
  const [saved, setSaved] = useState("");
  const open = (rule: Rule | null): void => {
    setSaved("");
    setForm({ rule });
  };
  const done = (name: string | null): void => {
    setForm(null);
    if (name === null) return;
    setSaved(`The rule ${name} counts now.`);
    answer.again();
  };
  return (
    <Panel title="Rules" id="rules">
      <p class="quiet">What is told to whom. What has its usual value is left out; without channels, all of them are told.</p>
      <Fault error={fault} />
      <Standing what="The rules" answer={answer} none="None: nobody is told of anything." />
      <ul class="entries">
        {(answer.value ?? []).map((rule) => (
          <RuleEntry key={rule.name} rule={rule} may={may} change={() => open(rule)} again={answer.again} failed={setFault} />
        ))}
      </ul>
      <p role="status">{saved}</p>
      {form ? (
        <>
          <h3>{form.rule ? `Change ${form.rule.name}` : "A new rule"}</h3>
          {form.rule && form.rule.source !== "api" && (
            <p class="quiet">It takes the place of the one {sources[form.rule.source ?? ""]} until it is removed.</p>
          )}
          <RuleForm key={form.rule?.name ?? ""} rule={form.rule} channels={channels} done={done} />
        </>
      ) : (
        may &&
        answer.value && (
          <button type="button" onClick={() => open(null)}>
            Make a rule
          </button>
        )
      )}
    </Panel>
  );
}
