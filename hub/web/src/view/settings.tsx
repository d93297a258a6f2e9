// The settings' menu, and the page that is chosen in it. Each asks the hub itself, which refuses who may not.

import type { ComponentChild } from "preact";

import { settingsAddress, type Part } from "../model/place";
import { isAtLeast, type Role, type Session } from "../model/session";
import { useStore } from "../store";
import { AlertsPage } from "./alerts_page";
import { AuditPage } from "./audit_page";
import { HubPage } from "./hub_page";
import { KeysPage } from "./keys_page";
import { LogPage } from "./log_page";
import { TokensPage } from "./tokens_page";
import { UsersPage } from "./users_page";

interface Entry {
  name: string;
  /** Null: who may look at the dashboard may see it. */
  least: Role | null;
  page: () => ComponentChild;
}

const entries: Record<Part, Entry> = {
  hub: { name: "Hub", least: null, page: () => <HubPage /> },
  alerts: { name: "Alerts", least: null, page: () => <AlertsPage /> },
  keys: { name: "Keys", least: "operator", page: () => <KeysPage /> },
  users: { name: "Users", least: "admin", page: () => <UsersPage /> },
  tokens: { name: "API tokens", least: "viewer", page: () => <TokensPage /> },
  log: { name: "Log", least: "operator", page: () => <LogPage /> },
  audit: { name: "Audit log", least: "admin", page: () => <AuditPage /> },
};

const mayOpen = (session: Session | null, { least }: Entry): boolean => least === null || isAtLeast(session, least);

export function Settings({ part }: { part: Part }) {
  const { session } = useStore();
  const entry = entries[part];
  return (
    <>
      <h1>{entry.name}</h1>
      <nav class="menu" aria-label="Settings">
        {(Object.entries(entries) as [Part, Entry][])
          .filter(([, each]) => mayOpen(session, each))
          .map(([key, { name }]) => (
            <a key={key} href={settingsAddress(key)} aria-current={key === part ? "page" : undefined}>
              {name}
            </a>
          ))}
      </nav>
      {mayOpen(session, entry) ? (
        <div key={part}>{entry.page()}</div>
      ) : (
        <p class="nothing">
          This is for {entry.least === "admin" ? "admins" : entry.least === "operator" ? "operators and admins" : "who has logged in"}.
        </p>
      )}
    </>
  );
}
