// The hub's own log, newest first, as it grows.

import { useEffect, useState } from "preact/hooks";

import { codeText } from "../model/words";
import { askLog, type LogLine, type LogPage as Page } from "../settings_api";
import { useAnswer } from "./ask";
import { useOlder } from "./older";
import { Panel, Time } from "./parts";
import { Standing } from "./standing";

// How often is asked for what is new, in milliseconds.
const pace = 2000;
// Typing is over when nobody has typed for so long.
const typed = 300;

const levels: [string, string][] = [
  ["debug", "Everything"],
  ["info", "Info and graver"],
  ["warning", "Warnings and errors"],
  ["error", "Errors"],
];

const hows: Record<string, string> = { error: "bad", warning: "unknown" };

function Line({ line: { at, level, event, fields } }: { line: LogLine }) {
  return (
    <li data-how={hows[level] ?? "none"}>
      <Time at={at} />
      <span class="level">{level}</span>
      <span>
        <strong>{codeText(event)}</strong>
        {fields.map(({ name, value }) => (
          <span key={name} class="fact">
            {" "}
            <span class="quiet">{name}</span> {value}
          </span>
        ))}
      </span>
    </li>
  );
}

function Lines({ page, level, text }: { page: Page; level: string; text: string }) {
  const first = { items: page.lines, more: page.next !== undefined, next: page.next };
  const [lines, rest] = useOlder(first, "Older lines", async (cursor) => {
    const older = await askLog(level, text, cursor);
    return { items: older.lines, more: older.next !== undefined, next: older.next };
  });
  return (
    <>
      {lines.length === 0 && <p class="nothing">No line matches.</p>}
      <ol class="log" aria-label="Lines of the log, newest first">
        {lines.map((line) => (
          <Line key={line.id} line={line} />
        ))}
      </ol>
      {rest}
      {page.lost > 0 && !rest && <p class="quiet small">{page.lost} older lines are in the log of the machine only.</p>}
    </>
  );
}

function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), typed);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

export function LogPage() {
  const [level, setLevel] = useState("debug");
  const [text, setText] = useState("");
  const [tail, setTail] = useState(true);
  const settled = useSettled(text);
  const answer = useAnswer(`${level} ${settled}`, (signal) => askLog(level, settled, undefined, signal), tail ? pace : 0);
  // What was older stays where it is while nothing new comes; another start or a new line begins a new list.
  const newest = answer.value ? `${answer.value.started} ${answer.value.lines[0]?.id} ${level} ${settled}` : "";
  return (
    <Panel title="What the hub does" id="log">
      <div class="tools">
        <label class="grow">
          <span class="hidden">Search the log</span>
          <input
            type="search"
            placeholder="Search event, client, address…"
            value={text}
            maxLength={200}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <label>
          <span class="hidden">Level</span>
          <select value={level} onChange={(event) => setLevel(event.currentTarget.value)}>
            {levels.map(([key, name]) => (
              <option key={key} value={key}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={tail}
            onChange={() => {
              setTail(!tail);
              answer.again();
            }}
          />{" "}
          Follow
        </label>
      </div>
      <Standing what="The log" answer={answer} />
      {answer.value && <Lines key={newest} page={answer.value} level={level} text={settled} />}
      <p class="quiet small">Keys, tokens and passwords are hidden. The log of the machine (journalctl, docker logs) has older lines.</p>
    </Panel>
  );
}
