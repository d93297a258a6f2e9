// Clients of a VPN server in a probe's target, as a report tells them, and what the page makes of them. Pure.

import { byteText, counted } from "./times";

export interface ListenPort {
  port: string;
  told_by: string;
  connected?: number;
  unanswered?: number;
  why?: string;
}

export interface Peer {
  port: string;
  from?: string;
  key?: string;
  since?: string;
  since_before: boolean;
  rx_bytes?: number;
  tx_bytes?: number;
}

export interface Peers {
  connected?: number;
  ports?: ListenPort[];
  list?: Peer[];
  not_listed?: number;
  blocked_since?: string;
  blocked_packets?: number;
  blocked_lost?: number;
}

const sources: Record<string, string> = {
  wireguard: "by WireGuard",
  sock_diag: "by the kernel's sockets",
  conntrack: "by connection tracking",
};

/** Nobody is connected only where somebody tells so. */
export function portText(port: ListenPort): string {
  const teller = (Object.hasOwn(sources, port.told_by) ? sources[port.told_by] : undefined) ?? `by ${port.told_by}`;
  const head = `${port.port}: ${port.connected === undefined ? "not known who is connected" : `${port.connected} connected, told ${teller}`}`;
  const tries = port.unanswered ? `; ${counted(port.unanswered, "far end")} without an answer` : "";
  return `${head}${tries}${port.why ? ` (${port.why})` : ""}`;
}

export function blockedText(peers: Peers): string {
  if (peers.blocked_since === undefined) return "";
  const lost = peers.blocked_lost ? `, and ${peers.blocked_lost} more that could not be told` : "";
  const packets = peers.blocked_packets ?? 0;
  return `${counted(packets, "packet")} for these ports ${packets === 1 ? "was" : "were"} logged by firewall rules${lost}`;
}

/** Bytes that nobody counted are not 0. */
export const amountText = (bytes: number | undefined): string => (bytes === undefined ? "not counted" : byteText(bytes));

/** When flows are complete later than what was asked for begins. */
export function keptLater(from: string, since: string | undefined): boolean {
  return since !== undefined && Date.parse(since) > Date.parse(from);
}
