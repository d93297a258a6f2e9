// What the last report says about each layer besides findings. Pure. `status` is "good" only where the report holds evidence.

import type { Told } from "./layers";
import { byteText, counted, duration, localTime } from "./times";
import type { Client } from "./types";
import { destinationText, exitAddresses, tunnelText } from "./words";

const none = (fact: string): Told => ({ status: "none", fact, details: [] });
const unknown = (fact: string, details: string[] = []): Told => ({ status: "unknown", fact, details });

/** WireGuard's keys live so long without a new handshake. */
const freshHandshake = 180;

function tunnel(client: Client): Told {
  const told = client.tunnel;
  if (!told) return unknown(client.schema === 2 ? "No tunnel is told." : "This client cannot see tunnels.");
  const details = [
    told.since ? `Since ${localTime(told.since)}` : "",
    told.rx_bytes === undefined ? "" : `Received ${byteText(told.rx_bytes)}, sent ${byteText(told.tx_bytes)}`,
  ].filter(Boolean);
  return { status: told.up ? "good" : "contained", fact: `${tunnelText(client)}.`, details };
}

function routes(client: Client): Told {
  if (client.schema !== 2) return unknown("This client cannot see routes: it proves an address, not a tunnel.");
  if (!client.tunnel) return unknown("Nothing is told about routes.");
  if (!client.tunnel.up)
    return { status: "note", fact: "The kernel was asked by which way packets leave while the tunnel is down.", details: [] };
  return { status: "good", fact: "The kernel was asked by which way packets to public addresses leave.", details: [] };
}

function exitOf(family: "v4" | "v6", name: string): (client: Client) => Told {
  return (client) => {
    const exit = client.exit;
    const address = exit?.[family] ?? (exit ? null : exitAddresses(client).find((each) => each.includes(":") === (family === "v6")));
    if (!address) return none(exit ? `No exit by ${name} was told.` : `Nothing is known of an exit by ${name}.`);
    const details = [
      client.location?.org ?? "",
      exit?.asn ? `AS${exit.asn}` : "",
      exit?.sources ? `Told by ${counted(exit.sources, "service")}` : "",
      exit?.source ? `Source: ${exit.source}` : "",
    ].filter(Boolean);
    return { status: exit ? "good" : "note", fact: `Outside services see ${address}.`, details };
  };
}

const dnsFacts: Record<string, string> = {
  no_leak: "The resolver that answers programs asks by the tunnel.",
  leak: "Names are looked up outside the tunnel.",
  unverifiable: "Who answers programs, or by which way, could not be verified.",
};
const resolverWays: Record<string, string> = {
  tunnel: "through the tunnel",
  outside: "outside the tunnel",
  loopback: "a program on this machine",
  nowhere: "leads nowhere",
  unknown: "by an unknown way",
};

function dns(client: Client): Told {
  const told = client.dns;
  const test = [client.dns_test?.location, client.dns_test?.colo].filter(Boolean).join(" / ");
  if (!told?.verdict)
    return test ? { status: "note", fact: `The DNS test was answered from ${test}.`, details: [] } : none("DNS was not checked.");
  const details = [
    ...(told.resolvers ?? []).map((each) => `Resolver ${each.address}: ${resolverWays[each.route] ?? each.route}`),
    told.egress?.length ? `Asks from ${told.egress.join(", ")}` : "",
    told.reason ? `Reason: ${told.reason}` : "",
    test ? `Answered from ${test}` : "",
  ].filter(Boolean);
  if (told.reason === "PORT_53_PATH_ONLY") return unknown("The way of port 53 is known, but not which resolver programs ask.", details);
  const status = told.verdict === "no_leak" ? "good" : told.verdict === "leak" ? "warning" : "unknown";
  return { status, fact: dnsFacts[told.verdict] ?? told.verdict, details };
}

function path(client: Client): Told {
  const udp = [client.udp_exit?.v4, client.udp_exit?.v6].filter((each): each is string => Boolean(each));
  const large = client.mtu?.large_packets;
  const details = [
    large === "ok" ? "Large packets get through" : large ? `Large packets: ${large.replaceAll("_", " ")}` : "Large packets were not tried",
  ];
  if (udp.length === 0) return { ...none("By which address UDP leaves is not known."), details };
  const exits = exitAddresses(client);
  const same = udp.every((address) => exits.includes(address));
  const status = large === "lost_requests" || large === "lost_answers" || !same ? "warning" : "good";
  return { status, fact: `UDP leaves by ${udp.join(" and ")}${same ? ", as web traffic does" : ""}.`, details };
}

const kinds = [
  ["dns_packets", "DNS"],
  ["v4_packets", "IPv4"],
  ["v6_packets", "IPv6"],
  ["endpoint_packets", "to the VPN server"],
] as const;

function counters(client: Client): Told {
  const leak = client.leak;
  if (!leak) return none("Packets that leave outside the tunnel are not counted.");
  if (!leak.counting) return unknown("Packets that leave outside the tunnel cannot be counted.", leak.why ? [leak.why] : []);
  const since = leak.since ? ` since ${localTime(leak.since)}` : "";
  if (!leak.packets) return { status: "good", fact: `No packet left outside the tunnel${since}.`, details: [] };
  const split = kinds
    .filter(([key]) => (leak[key] ?? 0) > 0)
    .map(([key, name]) => `${name}: ${leak[key]}`)
    .join(", ");
  const details = [split, ...(leak.destinations ?? []).map(destinationText)].filter(Boolean);
  return { status: "note", fact: `${counted(leak.packets, "packet")} (${byteText(leak.bytes)}) left outside the tunnel${since}.`, details };
}

const switchFacts: Record<string, [Told["status"], string]> = {
  armed: ["good", "The kill switch is armed, and was proved to hold."],
  off: ["note", "The kill switch is off."],
  changed: ["warning", "The kill switch was changed by somebody."],
  unproven: ["unknown", "The kill switch is armed, but nothing proved that it holds."],
  failed: ["unknown", "The kill switch could not be put in place or looked at."],
};
const ruleFacts: Record<string, string> = {
  holds: "All firewall rules together let nothing out.",
  lets_out: "The firewall rules let packets out.",
  undecided: "The firewall rules could not be understood.",
};

function killSwitch(client: Client): Told {
  const kill = client.kill_switch;
  const rules = client.ruleset;
  const by = rules?.changed_by ? `Changed by ${rules.changed_by}${rules.changed_at ? `, ${localTime(rules.changed_at)}` : ""}` : "";
  const details = [
    kill?.why ?? "",
    (kill?.stopped_packets ?? 0) > 0 ? `${counted(kill?.stopped_packets ?? 0, "packet")} stopped` : "",
    by,
  ].filter(Boolean);
  const ruleFact = rules?.verdict ? (ruleFacts[rules.verdict] ?? `Firewall rules: ${rules.verdict}`) : "";
  if (!kill?.state || (kill.state === "off" && kill.mode !== "armed")) {
    if (rules?.verdict === "holds") return { status: "good", fact: ruleFact, details };
    if (rules?.verdict) return { status: rules.verdict === "lets_out" ? "note" : "unknown", fact: ruleFact, details };
    return { ...none("No kill switch is known."), details };
  }
  const [status, fact] =
    kill.state === "off"
      ? ["warning" as const, "The kill switch is off, though the settings ask for it."]
      : (switchFacts[kill.state] ?? ["unknown" as const, `Kill switch: ${kill.state}`]);
  return { status, fact, details: [ruleFact, ...details].filter(Boolean) };
}

function liveness(client: Client): Told {
  const age = client.tunnel?.handshake_age_s;
  const details = [
    age === undefined ? "" : `Last handshake ${duration(age * 1000)} before the report`,
    client.path === "tunnel" ? "The report came through the tunnel" : client.path === "uplink" ? "The report came by the uplink" : "",
  ].filter(Boolean);
  if (client.latency_ms !== undefined)
    return { status: "good", fact: `An answer through the tunnel took ${client.latency_ms.toFixed(1)} ms.`, details };
  if (age !== undefined && age <= freshHandshake) return { status: "good", fact: "The VPN server answered with a handshake.", details };
  if (client.path === "tunnel") return { status: "good", fact: "The last report came through the tunnel.", details: details.slice(0, -1) };
  return { ...none("Nothing is told about answers through the tunnel."), details };
}

function programs(client: Client): Told {
  const leak = client.leak;
  if (leak?.counting && leak.packets === 0) return { status: "good", fact: "No packet left outside, so no program sent one.", details: [] };
  if (leak?.counting)
    return { status: "note", fact: "Packets left outside; who sent them is named only where it is certain.", details: [] };
  return none("Which programs send outside the tunnel is not known.");
}

export const tellers: Record<string, (client: Client) => Told> = {
  Tunnel: tunnel,
  Routes: routes,
  "Exit IPv4": exitOf("v4", "IPv4"),
  "Exit IPv6": exitOf("v6", "IPv6"),
  DNS: dns,
  "UDP and packet sizes": path,
  Counters: counters,
  "Kill switch": killSwitch,
  Liveness: liveness,
  Programs: programs,
};
