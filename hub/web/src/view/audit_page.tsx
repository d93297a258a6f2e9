// For admins: who did what, when, from where.

import type { Listed } from "../api";
import { codeText } from "../model/words";
import { askAudit, type AuditRow } from "../settings_api";
import { useAnswer } from "./ask";
import { useOlder } from "./older";
import { Panel, Time } from "./parts";
import { Standing } from "./standing";

const page = 100;

function Rows({ rows }: { rows: AuditRow[] }) {
  return (
    <div class="scroll" role="region" aria-label="Audit log, a table" tabIndex={0}>
      <table class="cardlike" role="table">
        <thead role="rowgroup">
          <tr role="row">
            {["When", "Who", "What", "Whom or what", "From"].map((name) => (
              <th key={name} scope="col" role="columnheader">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map(({ id, at, who, action, target, address }) => (
            <tr key={id} role="row" data-how={action === "log_in_failed" ? "unknown" : undefined}>
              <td role="cell" data-label="When">
                <Time at={at} />
              </td>
              <th scope="row" role="rowheader" data-label="Who">
                {who === "-" ? <span class="quiet">nobody logged in</span> : who}
              </th>
              <td role="cell" data-label="What">
                {codeText(action)}
              </td>
              <td role="cell" data-label="Whom or what">
                {target || "–"}
              </td>
              <td role="cell" data-label="From" class="address">
                {address}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function AllRows({ first }: { first: Listed<AuditRow> }) {
  const [rows, rest] = useOlder(first, "Older entries", (cursor) => askAudit(page, cursor));
  return (
    <>
      <Rows rows={rows} />
      {rest}
    </>
  );
}

export function AuditPage() {
  const answer = useAnswer("audit", (signal) => askAudit(page, undefined, signal));
  return (
    <Panel
      title="Who did what"
      id="audit"
      tools={
        <button type="button" onClick={answer.again}>
          Ask again
        </button>
      }
    >
      <Standing what="The audit log" answer={answer} />
      {answer.value && <AllRows key={answer.value.items[0]?.id ?? 0} first={answer.value} />}
    </Panel>
  );
}
