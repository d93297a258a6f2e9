// Who looks at the page, and what the hub says of a log-in. Pure.

import type { About } from "./types";

export type Role = "viewer" | "operator" | "admin";

export interface User {
  name: string;
  role: Role;
  totp: boolean;
  /** How the hub knows: only a "session" is the hub's own log-in, which can end here. */
  by: string;
}

export interface Session {
  state: "open" | "basic" | "setup" | "login" | "in";
  user: User | null;
  /** Goes with each call that changes something. */
  csrf: string | null;
  setup_possible: boolean;
}

/** Of whom nobody says anything. */
export const loggedOut: Session = { state: "login", user: null, csrf: null, setup_possible: false };

const sessionStates = ["open", "basic", "setup", "login", "in"];
export const roles: Role[] = ["viewer", "operator", "admin"];

/** An answer that is none is refused: who does not know must not show anything. */
export function sessionOf(answer: unknown): Session {
  const told = (answer ?? {}) as Partial<Session>;
  const known = typeof told.state === "string" && sessionStates.includes(told.state);
  if (!known || (told.state === "in" && !told.user)) throw new Error("The hub's answer about the log-in is not understood");
  return { state: told.state!, user: told.user ?? null, csrf: told.csrf ?? null, setup_possible: told.setup_possible === true };
}

export const mayRead = (session: Session | null): boolean => session !== null && ["open", "basic", "in"].includes(session.state);

/** Two with the same word see the same page; with another one nothing may stay on the screen. */
export function viewerOf(session: Session | null): string {
  if (!mayRead(session)) return "nobody";
  return session!.state === "in" ? `in ${session!.user!.name}` : "without log-in";
}

export function isAtLeast(session: Session | null, role: Role): boolean {
  if (session?.state !== "in") return false;
  return roles.indexOf(session.user!.role) >= roles.indexOf(role);
}

const longestWait = 24 * 3600;

/** Retry-After in seconds; null: the hub names none that makes sense. */
export function secondsToWait(header: string | null): number | null {
  if (header === null || !/^[0-9]{1,6}$/.test(header)) return null;
  const seconds = Number(header);
  return seconds >= 1 && seconds <= longestWait ? seconds : null;
}

/** What is wrong with one field of a form. */
export class FieldFault extends Error {
  constructor(
    readonly field: string,
    message: string,
  ) {
    super(message);
  }
}

/** The hub begins what it says of a wrong field with the field's name; null: it speaks of none of these. */
export function fieldOf(message: string, fields: string[]): string | null {
  const name = /^(?:rule: )?([a-z_]+)(?::| = )/.exec(message)?.[1];
  return name !== undefined && fields.includes(name) ? name : null;
}

/** As the hub checks it (bytes, not characters), so that nobody waits for its "no"; `again` is the same one typed twice. */
export function checkPassword(field: string, password: string, again: string): void {
  const bytes = new TextEncoder().encode(password).length;
  if (bytes < 10 || bytes > 1024) throw new FieldFault(field, "The password needs at least 10 letters or signs (10-1024 bytes)");
  if (password !== again) throw new FieldFault("again", "The two passwords are not the same");
}

export function checkUserName(name: string): void {
  if (!/^[A-Za-z0-9._@-]{1,64}$/.test(name)) throw new FieldFault("user", "The user name needs 1-64 signs out of A-Z a-z 0-9 . _ @ -");
}

/** Where probes reach the hub's API, seen from who looks at the page. */
export const apiAddress = (about: About, host: string): string => `${about.api_tls ? "https" : "http"}://${host}:${about.api_port}`;

/** As an option of the probe's commands. */
export const apiPathOption = (about: About): string =>
  about.api_path && about.api_path !== "/api/v1" ? ` --api-path ${about.api_path}` : "";

export const enrolCommand = (about: About, host: string, code: string): string =>
  `vpn-sentinel-probe enroll ${apiAddress(about, host)} ${code}${apiPathOption(about)}`;
