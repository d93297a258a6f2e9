// Questions to the hub. An answer that is none is an error with the hub's own words, never an empty list.

import type { ActiveFlows, FlowMap, FlowStats } from "./model/flows";
import type { SubjectReliability } from "./model/reliability";
import { loggedOut, secondsToWait, sessionOf, type Session } from "./model/session";
import type { About, Change, Incident, IncidentDetail, Mute, Sample, StoredReport } from "./model/types";

export const root = "/api/v1";

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    /** Seconds after which it may be asked again; null: not told. */
    readonly wait: number | null = null,
    /** The log-in lacks the code of the authenticator. */
    readonly codeRequired = false,
  ) {
    super(message);
  }
}

/** What calls need of the log-in, and whom they tell that it has ended or is another one. */
export const access = {
  csrf: null as string | null,
  changed: (): void => {},
  /** What may not be read (403), and was asked about already: who may not see it for good does not ask for ever. */
  refused: new Set<string>(),
};

// An answer that does not come must not keep the page from asking again.
const longestAnswer = 10_000;

interface Told {
  message?: string;
  error?: string;
  code_required?: boolean;
}

async function answerOf<T>(answer: Response): Promise<T> {
  const body: unknown = await answer.json().catch(() => null);
  if (answer.ok && body !== null) return body as T;
  const told = body as Told | null;
  const message = told?.message ?? told?.error ?? `The hub answered ${answer.status}`;
  throw new ApiError(answer.status, message, secondsToWait(answer.headers.get("Retry-After")), told?.code_required === true);
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const answer = await fetch(path, { signal, headers: { Accept: "application/json" } });
  const [what] = path.split("?") as [string];
  const { refused } = access;
  if (answer.status === 401 || (answer.status === 403 && !refused.has(what))) access.changed();
  if (answer.status === 403) refused.add(what);
  else if (answer.ok) refused.delete(what);
  return answerOf<T>(answer);
}

function post(method: string, path: string, body: object | undefined, headers: Record<string, string>): Promise<Response> {
  return fetch(root + path, {
    method,
    headers: { Accept: "application/json", ...headers, ...(body ? { "Content-Type": "application/json" } : {}) },
    body: body && JSON.stringify(body),
  });
}

/** A changing call of who is logged in. Refused: the log-in may have ended, or be another one by another tab. */
export async function send<T>(method: "POST" | "PUT" | "DELETE", path: string, body?: object): Promise<T> {
  const answer = await post(method, path, body, { "X-CSRF-Token": access.csrf ?? "" });
  if (answer.status === 401 || answer.status === 403) access.changed();
  return answerOf<T>(answer);
}

/** A proxy that leads to its own log-in instead of passing the question on has ended the log-in; an answer of the hub is JSON. */
export async function askSession(): Promise<Session> {
  const answer = await fetch(`${root}/session`, {
    headers: { Accept: "application/json" },
    redirect: "manual",
    signal: AbortSignal.timeout(longestAnswer),
  });
  const json = /^application\/json\b/i.test(answer.headers.get("Content-Type") ?? "");
  if (answer.type === "opaqueredirect" || (!json && (answer.ok || answer.status === 401 || answer.status === 403))) return loggedOut;
  return sessionOf(await answerOf(answer));
}

/** `code`: of the authenticator, or a recovery code; only who has one is asked for it. */
export const logIn = async (user: string, password: string, code?: string): Promise<Session> =>
  sessionOf(await answerOf(await post("POST", "/login", { user, password, code: code || undefined }, {})));

/** The first admin, with the token that the hub told in its log. */
export const setUp = async (token: string, user: string, password: string): Promise<Session> =>
  sessionOf(await answerOf(await post("POST", "/setup", { token, user, password }, {})));

export const changePassword = (old: string, fresh: string): Promise<unknown> => send("POST", "/session/password", { old, new: fresh });

export interface TotpSecret {
  secret: string;
  uri: string;
}

export const beginTotp = (password: string): Promise<TotpSecret> => send("POST", "/session/totp", { password });
export const removeTotp = (password: string): Promise<unknown> => send("POST", "/session/totp/remove", { password });
export const confirmTotp = async (code: string): Promise<string[]> =>
  (await send<{ recovery_codes: string[] }>("POST", "/session/totp/confirm", { code })).recovery_codes;

export interface Enrolment {
  id: number;
  client_id: string;
  group: string;
  created_by: string;
  created: string;
  expires: string;
}

/** With the code, which the hub tells once. */
export const addEnrolment = (clientId: string, group: string): Promise<Enrolment & { code: string }> =>
  send("POST", "/enrolments", { client_id: clientId, group: group || undefined });
export const logOut = (): Promise<unknown> => send("POST", "/logout", {});

export type Asked = Record<string, string | number | boolean | undefined>;

export function address(path: string, asked: Asked): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(asked)) if (value !== undefined && value !== "") query.set(name, String(value));
  const text = query.toString();
  return text ? `${root}${path}?${text}` : root + path;
}

export interface Listed<T> {
  items: T[];
  /** More follow than were asked for. */
  more: boolean;
  next?: string;
}

/** Page after page, until `most` or the end. */
export async function all<T>(path: string, field: string, asked: Asked, most: number, signal?: AbortSignal): Promise<Listed<T>> {
  const items: T[] = [];
  let cursor = asked.cursor as string | undefined;
  do {
    const limit = Math.min(1000, most - items.length);
    const page: Record<string, unknown> = await get(address(path, { ...asked, limit, cursor }), signal);
    items.push(...(page[field] as T[]));
    cursor = page.next as string | undefined;
  } while (cursor && items.length < most);
  return { items, more: cursor !== undefined, next: cursor };
}

const client = (id: string, what: string): string => `/clients/${encodeURIComponent(id)}/${what}`;

export const askAbout = (): Promise<About> => get<About>("/hub.json");

export const hubAddress = `${root}/hub`;

/** By which addresses the Internet sees the hub, and whether its names are resolved; null: it does not ask. */
export interface HubSelf {
  exit: {
    addresses: string[];
    /** When they were told last; null: never. */
    at: string | null;
    /** Why the newest question had no answer; empty: it had. */
    problem: string;
    country?: string;
    city?: string;
    region?: string;
    organisation?: string;
    asn?: number;
  } | null;
  dns: {
    state: "answers" | "fails" | "not_asked";
    servers: string[];
    problem: string;
    /** When they were asked last; null: never. */
    at: string | null;
    took_ms?: number;
  } | null;
}

export const askHubSelf = (signal?: AbortSignal): Promise<HubSelf & { version: string; started: string }> => get(hubAddress, signal);

export const askHistory = (id: string, from: string | undefined, signal?: AbortSignal): Promise<Listed<Change>> =>
  all<Change>(client(id, "history"), "changes", { from }, 2000, signal);

const furthestBack = 500;

/** Changes before `to`, newest first, as far back as to one with another exit address. */
export async function askBefore(id: string, to: string, signal?: AbortSignal): Promise<Change[]> {
  const found: Change[] = [];
  let cursor: string | undefined;
  do {
    const page: { changes: Change[]; next?: string } = await get(address(client(id, "history"), { to, limit: 100, cursor }), signal);
    found.push(...page.changes);
    cursor = page.next;
  } while (cursor && found.length < furthestBack && found.at(-1)!.public_ip === found[0]!.public_ip);
  return found;
}

export const askSamples = (id: string, resolution: string, from: string, signal?: AbortSignal): Promise<Listed<Sample>> =>
  all<Sample>(client(id, "samples"), "samples", { resolution, from }, 3000, signal);

export const askReports = (id: string, from: string | undefined, most: number, signal?: AbortSignal): Promise<Listed<StoredReport>> =>
  all<StoredReport>(client(id, "reports"), "reports", { from }, most, signal);

export interface IncidentFilter {
  client?: string;
  open?: boolean;
  from?: string;
}

export const askIncidents = (filter: IncidentFilter, most: number, cursor?: string, signal?: AbortSignal): Promise<Listed<Incident>> =>
  all<Incident>("/incidents", "incidents", { ...filter, open: filter.open || undefined, cursor }, most, signal);

export const askIncident = (id: number, signal?: AbortSignal): Promise<IncidentDetail> => get(`${root}/incidents/${id}`, signal);

const ofIncident = (id: number, what: string): string => `/incidents/${id}/${what}`;
export const acknowledge = (id: number, note: string): Promise<unknown> =>
  send("POST", ofIncident(id, "acknowledge"), { note: note || undefined });
export const takeAcknowledgementBack = (id: number): Promise<unknown> => send("DELETE", ofIncident(id, "acknowledge"));
export const comment = (id: number, text: string): Promise<unknown> => send("POST", ofIncident(id, "comments"), { text });

const ofMute = (subject: string): string => `/mutes/${encodeURIComponent(subject)}`;
export const askMutes = async (signal?: AbortSignal): Promise<Mute[]> => (await get<{ mutes: Mute[] }>(`${root}/mutes`, signal)).mutes;
/** `minutes`: absent, until it is taken back. */
export const mute = (subject: string, reason: string, minutes?: number): Promise<unknown> =>
  send("PUT", ofMute(subject), { minutes, reason: reason || undefined });
export const unmute = (subject: string): Promise<unknown> => send("DELETE", ofMute(subject));

export interface FlowFilter {
  client?: string;
  outside?: boolean;
  hours: number;
}

const flows = <T>(what: string, asked: Asked, signal?: AbortSignal): Promise<T> => get<T>(address(`/connections/${what}`, asked), signal);
const asked = ({ client, outside }: FlowFilter): Asked => ({ client, outside: outside || undefined });

export const askActive = (filter: FlowFilter, limit: number, signal?: AbortSignal): Promise<ActiveFlows> =>
  flows("active", { ...asked(filter), limit }, signal);

export const askFlowStats = (filter: FlowFilter, signal?: AbortSignal): Promise<FlowStats> =>
  flows("stats", { ...asked(filter), hours: filter.hours }, signal);

export const askFlowMap = (filter: FlowFilter, signal?: AbortSignal): Promise<FlowMap> =>
  flows("map", { ...asked(filter), hours: filter.hours }, signal);

export interface ReliabilityFilter {
  client?: string;
  group?: string;
  from?: string;
  to?: string;
  period?: string;
  zone: string;
}

/** One answer: of all clients the first thousand. */
export async function askReliability(filter: ReliabilityFilter, signal?: AbortSignal): Promise<Listed<SubjectReliability>> {
  const limit = filter.client || filter.group ? undefined : 1000;
  const page: Record<string, unknown> = await get(address("/reliability", { ...filter, limit }), signal);
  return { items: page.reliability as SubjectReliability[], more: page.next !== undefined };
}

export const reportAddress = (month: string, zone: string): string => address("/report", { month, zone });
