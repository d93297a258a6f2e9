// Words, glyphs and times for people. Pure.

/** Every state: what it is called, its sign (colour alone is not enough), and what it means. The order is the order of attention. */
export const states = {
  danger: { word: "Danger", sign: "✕", meaning: "Traffic can leave, or has left, outside the tunnel." },
  warning: { word: "Warning", sign: "!", meaning: "The address is protected, but something leaks, weakens it, or could not be checked." },
  contained: { word: "Contained", sign: "■", meaning: "The tunnel is down, and nothing can leave." },
  offline: { word: "Offline", sign: "–", meaning: "No report in time: the hub does not know." },
  secure: { word: "Secure", sign: "✓", meaning: "Traffic leaves by the tunnel, and something answers through it." },
};

/** A report is late although the hub has not said so yet: what was last known must not be shown as current. */
export const overdue = { word: "Overdue", sign: "?", meaning: "The next report is late." };

/** An unknown word from a newer hub is shown as it is, and never as green. */
export function stateText(state) {
  return states[state] ?? { word: state || "Unknown", sign: "?", meaning: "" };
}

const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

/** 3723000 -> "1 h 2 min": the two largest units. */
export function duration(milliseconds) {
  let seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first < 0) return "0 s";
  const parts = [];
  for (const [name, size] of units.slice(first, first + 2)) {
    const count = Math.floor(seconds / size);
    seconds -= count * size;
    if (count > 0) parts.push(`${count} ${name}`);
  }
  return parts.join(" ");
}

/** "12 s ago"; a time that lies ahead is "now". */
export function ago(milliseconds) {
  return milliseconds < 1000 ? "now" : `${duration(milliseconds)} ago`;
}

/** "dns_egress_outside" -> "DNS egress outside", for findings that the hub has no sentence for. */
export function codeText(code) {
  const text = String(code).replaceAll("_", " ").replace(/\b(dns|ip|udp|tcp|vpn|mtu)\b/g, (word) => word.toUpperCase()).replace(/\bipv/g, "IPv");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const verdicts = { no_leak: "No leak", leak: "Leak", unverifiable: "Could not be verified" };

export function dnsText(client) {
  // The way of port 53 is known then, but not which resolver programs ask.
  if (client.dns?.reason === "PORT_53_PATH_ONLY") return [`Port 53 leaves by ${client.dns.egress?.[0] ?? "?"}`, "Resolver not checked"];
  const verdict = verdicts[client.dns?.verdict] ?? client.dns?.verdict;
  const place = [client.dns_test?.location, client.dns_test?.colo].filter(Boolean).join(" / ");
  return [verdict, place].filter(Boolean);
}

export function exitText(client) {
  const addresses = [client.exit?.v4, client.exit?.v6].filter(Boolean);
  if (addresses.length === 0 && client.public_ip) addresses.push(client.public_ip);
  return addresses;
}

export function placeText(client) {
  const place = client.location ?? {};
  const parts = [place.city, place.region, client.exit?.country ?? place.country].filter(Boolean);
  return [...new Set(parts)].join(", ");
}

export function tunnelText(client) {
  const tunnel = client.tunnel;
  if (!tunnel) return [];
  return [tunnel.name, tunnel.kind, tunnel.up ? "up" : "down"].filter(Boolean);
}

const byteUnits = ["kB", "MB", "GB", "TB", "PB", "EB"];

function counted(number, what) {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

/** 1540 -> "1.5 kB". */
export function byteText(bytes) {
  if (!(bytes >= 1000)) return counted(bytes ?? 0, "byte");
  let amount = bytes / 1000;
  let unit = 0;
  for (; amount >= 999.5 && unit + 1 < byteUnits.length; ++unit) amount /= 1000;
  return `${amount < 9.95 ? amount.toFixed(1) : amount.toFixed(0)} ${byteUnits[unit]}`;
}

/** "203.0.113.53 UDP 53: 3 packets (300 bytes), uid 1000" */
export function destinationText(destination) {
  const protocol = /^\d+$/.test(destination.protocol) ? `protocol ${destination.protocol}` : String(destination.protocol).toUpperCase();
  const way = destination.port === undefined ? protocol : `${protocol} ${destination.port}`;
  const who = destination.uid === undefined ? "" : `, uid ${destination.uid}`;
  return `${destination.address} ${way}: ${counted(destination.packets, "packet")} (${byteText(destination.bytes)})${who}`;
}

const parts = [["dns_packets", "DNS"], ["v4_packets", "IPv4"], ["v6_packets", "IPv6"], ["endpoint_packets", "VPN server"]];

/** What left outside the tunnel: `amount` in words, whether that is `bad`, and `details` for who wants to know. Null: the probe does not look. */
export function leakText(client) {
  const leak = client.leak;
  if (!leak) return null;
  if (!leak.counting) return { amount: "Not counted", bad: false, details: leak.why ? [leak.why] : [] };
  const counting = leak.since ? `Counted since ${String(leak.since).slice(0, 16).replace("T", " ")} UTC` : "";
  if (!(leak.packets > 0)) return { amount: "Nothing", bad: false, details: [counting].filter(Boolean) };
  const kinds = parts.filter(([key]) => leak[key] > 0).map(([key, name]) => `${name} ${leak[key]}`).join(", ");
  const places = (leak.destinations ?? []).map(destinationText);
  return { amount: `${counted(leak.packets, "packet")} (${byteText(leak.bytes)})`, bad: true, details: [kinds, counting, ...places].filter(Boolean) };
}

const killSwitchStates = {
  armed: "Kill switch holds", changed: "Kill switch was changed", unproven: "Kill switch not proved", failed: "Kill switch failed",
};

/** "Kill switch holds, 12 packets stopped"; null: there is none, or it is off and may be. */
export function killSwitchText(client) {
  const kill = client.kill_switch;
  if (!kill) return null;
  if (kill.state === "off") return kill.mode === "armed" ? { text: "Kill switch is off", good: false } : null;
  const text = killSwitchStates[kill.state] ?? `Kill switch: ${kill.state}`;
  const stopped = kill.stopped_packets > 0 ? `, ${counted(kill.stopped_packets, "packet")} stopped` : "";
  return { text: text + stopped + (kill.why ? `: ${kill.why}` : ""), good: kill.state === "armed" };
}

const rulesetVerdicts = { holds: "Rules hold", lets_out: "Rules let packets out", undecided: "Rules not understood" };

/** What all firewall rules together do, and who changed them last; null: the probe does not look. */
export function rulesetText(client) {
  const rules = client.ruleset;
  if (!rules) return null;
  const text = rulesetVerdicts[rules.verdict] ?? `Rules: ${rules.verdict}`;
  const when = rules.changed_at ? ` at ${String(rules.changed_at).slice(0, 16).replace("T", " ")} UTC` : "";
  // Where nobody asked for a kill switch, rules that let out are what most machines have.
  const bad = rules.verdict === "lets_out" && client.kill_switch?.mode === "armed";
  return { text: text + (rules.changed_by ? `, changed by ${rules.changed_by}${when}` : ""), good: !bad };
}

const largePackets = { lost_requests: "Large packets are lost on the way out", lost_answers: "Large answers are lost" };

/** Where UDP leaves when that is another address than the exit, and that large packets are lost. */
export function pathText(client) {
  const udp = [client.udp_exit?.v4, client.udp_exit?.v6].filter(Boolean);
  const exits = exitText(client);
  const others = udp.filter((address) => !exits.includes(address));
  const lost = largePackets[client.mtu?.large_packets];
  return [...others.map((address) => `UDP leaves by ${address}`), ...(lost ? [lost] : [])];
}

/** Why nothing can leave, where that is known. */
export function containedText(client) {
  return client.state === "contained" && client.kill_switch?.state === "armed" ? "by the kill switch" : null;
}

const kinds = {
  connected: (change) => `reported for the first time: ${stateText(change.to).word}`,
  state_changed: (change) => `${stateText(change.from).word} → ${stateText(change.to).word}`,
  address_changed: (change) => `exit address changed${change.previous_address ? ` from ${change.previous_address}` : ""}`
    + `${exitText(change.client ?? {}).length ? ` to ${exitText(change.client)[0]}` : ""}`,
  went_offline: (change) => `went offline (was ${stateText(change.from).word})`,
  came_back: (change) => `is back: ${stateText(change.to).word}`,
};

export function changeText(change) {
  const came = change.news?.length > 0 ? `${stateText(change.to).word}, and more: ${change.news.map(codeText).join(", ")}` : null;
  const text = came ?? kinds[change.kind]?.(change) ?? codeText(change.kind);
  const lasted = change.previous_lasted_ms > 0 && change.kind !== "address_changed" ? ` after ${duration(change.previous_lasted_ms)}` : "";
  const left = change.leaked?.packets > 0 ? `; ${counted(change.leaked.packets, "packet")} (${byteText(change.leaked.bytes)}) left outside` : "";
  return text + lasted + left + (change.past ? ", told later; the probe was silent" : "");
}

/** The name of a group as people gave it; null: it is a client. No client's name has a ':'. */
export function groupName(clientId) {
  return clientId.startsWith("group:") ? clientId.slice("group:".length) : null;
}
