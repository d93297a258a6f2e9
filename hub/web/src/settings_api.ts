// Questions and changes of the settings pages, which are loaded only by who opens them.

import { address, all, get, hubAddress, root, send, type Enrolment, type HubSelf, type Listed } from "./api";
import type { Rule } from "./model/rules";
import type { Role } from "./model/session";

const named = (what: string, name: string | number): string => `/${what}/${encodeURIComponent(name)}`;

export interface Key {
  name: string;
  clients: string[];
  groups?: string[];
  read: boolean;
  created: string;
}

export const askKeys = async (signal?: AbortSignal): Promise<Key[]> => (await get<{ keys: Key[] }>(`${root}/keys`, signal)).keys;
/** These two answer with the key itself, which the hub tells once. */
export const addKey = async (name: string, clients: string[], read: boolean): Promise<string> =>
  (await send<{ key: string }>("POST", "/keys", { name, clients, read })).key;
export const rotateKey = async (name: string): Promise<string> =>
  (await send<{ key: string }>("POST", `${named("keys", name)}/rotate`, {})).key;
export const revokeKey = (name: string): Promise<unknown> => send("DELETE", named("keys", name));

export const askEnrolments = async (signal?: AbortSignal): Promise<Enrolment[]> =>
  (await get<{ enrolments: Enrolment[] }>(`${root}/enrolments`, signal)).enrolments;
export const removeEnrolment = (id: number): Promise<unknown> => send("DELETE", `/enrolments/${id}`);

export interface Account {
  name: string;
  role: Role;
  totp: boolean;
  created: string;
}

export const askUsers = async (signal?: AbortSignal): Promise<Account[]> =>
  (await get<{ users: Account[] }>(`${root}/users`, signal)).users;
export const addUser = (name: string, role: Role, password: string): Promise<unknown> => send("POST", "/users", { name, role, password });
/** What is not given stays. */
export const changeUser = (name: string, change: { role?: Role; password?: string; remove_totp?: boolean }): Promise<unknown> =>
  send("PUT", named("users", name), change);
export const removeUser = (name: string): Promise<unknown> => send("DELETE", named("users", name));

export interface Token {
  id: number;
  name: string;
  user: string;
  scopes: string[];
  created: string;
  expires: string | null;
}

export const askTokens = async (signal?: AbortSignal): Promise<Token[]> =>
  (await get<{ tokens: Token[] }>(`${root}/tokens`, signal)).tokens;
/** With the token itself, which the hub tells once. `days`: absent, it does not end by itself. `password`: absent when a proxy names the user. */
export const addToken = (name: string, scopes: string[], days?: number, password?: string): Promise<Token & { token: string }> =>
  send("POST", "/tokens", { name, scopes, expires_days: days, password });
export const removeToken = (id: number): Promise<unknown> => send("DELETE", named("tokens", id));

export interface AuditRow {
  id: number;
  at: string;
  who: string;
  address: string;
  action: string;
  target: string;
}

export const askAudit = (most: number, cursor?: string, signal?: AbortSignal): Promise<Listed<AuditRow>> =>
  all<AuditRow>("/audit", "audit", { cursor }, most, signal);

export interface LogLine {
  id: number;
  at: string;
  level: string;
  event: string;
  fields: { name: string; value: string }[];
}

export interface LogPage {
  /** Another one: the hub was started anew, and ids begin anew. */
  started: string;
  lines: LogLine[];
  /** Lines since the start that are not kept any more. */
  lost: number;
  next?: string;
}

export const askLog = (level: string, text: string, cursor?: string, signal?: AbortSignal): Promise<LogPage> =>
  get<LogPage>(address("/logs", { level, text, limit: 200, cursor }), signal);

export interface HubFacts extends HubSelf {
  version: string;
  started: string;
  uptime_s: number;
  listeners: { what: string; url: string }[];
  store: { works: boolean; bytes: number; connection_bytes: number };
  clients: number;
  live_pages: number;
  /** What of the settings is not safe. */
  warnings: string[];
  /** 0: no limit. */
  limits: { setting: string; meaning: string; value: number; unit: string }[];
}

export const askHub = (signal?: AbortSignal): Promise<HubFacts> => get<HubFacts>(hubAddress, signal);

export interface Channel {
  name: string;
  kind: string;
  on: boolean;
  waiting: number;
  failing: boolean;
  last_error: string;
  delivered: number;
  failures: number;
  given_up: number;
}

export const askChannels = async (signal?: AbortSignal): Promise<Channel[]> =>
  (await get<{ channels: Channel[] }>(`${root}/channels`, signal)).channels;

/** One attempt, now; it may take 15 s. */
export const testChannel = (name: string): Promise<{ delivered: boolean; took_ms?: number; reason?: string }> =>
  send("POST", `${named("channels", name)}/test`);

export const askRules = async (signal?: AbortSignal): Promise<Rule[]> => (await get<{ rules: Rule[] }>(`${root}/rules`, signal)).rules;
/** It takes the place of one of the file with its name. */
export const putRule = (rule: Rule): Promise<unknown> => send("PUT", named("rules", rule.name), rule);

export interface DryRun {
  /** `client_id` null: several together. */
  would_have: { at: string; client_id: string | null; kind: string; title: string }[];
  messages: number;
}

export const tryRule = (rule: Rule, from: Date, to: Date): Promise<DryRun> =>
  send("POST", "/rules/dry-run", { rule, from: from.toISOString(), to: to.toISOString() });
/** Only one that the API made; that of the file with its name holds again. */
export const removeRule = (name: string): Promise<unknown> => send("DELETE", named("rules", name));

export interface NewMaintenance {
  name: string;
  /** Of clients and groups, with wildcards. */
  clients: string[];
  from: string;
  to: string;
  reason?: string;
}

export interface Maintenance {
  /** Null: it stands in the file. */
  id: number | null;
  name: string;
  clients: string[];
  /** Both null: it comes again each week. */
  from: string | null;
  to: string | null;
  weekly?: string;
  time_zone?: string;
  reason: string;
  by: string;
  from_file?: boolean;
}

export const askMaintenance = async (signal?: AbortSignal): Promise<Maintenance[]> =>
  (await get<{ maintenance: Maintenance[] }>(`${root}/maintenance`, signal)).maintenance;
export const announceMaintenance = (window: NewMaintenance): Promise<unknown> => send("POST", "/maintenance", window);
export const endMaintenance = (id: number): Promise<unknown> => send("DELETE", named("maintenance", id));
