#include "probe/verdict/finding.hpp"

#include <algorithm>
#include <array>

namespace vpn_sentinel {
namespace {

using enum Severity;

constexpr std::array finding_rows{
    FindingText{"tunnel_missing", contained, "The tunnel interface does not exist.",
                "Start the VPN; if its interface has another name, set VPN_SENTINEL_TUNNEL."},
    FindingText{"tunnel_down", contained, "The tunnel interface is there but switched off.", "Bring the interface up or restart the VPN."},
    FindingText{"tunnel_no_address", contained, "The tunnel interface has lost its address, so nothing can be sent through it.",
                "Restart the VPN so that it configures its interface again."},
    FindingText{"tunnel_not_routed", contained, "The tunnel is up, but no public address is routed into it and none outside either.",
                "Check the VPN's routes and policy rules (ip rule, ip route show table all)."},
    FindingText{
        "tunnel_stalled", warning, "The tunnel is up and routed, but nothing answers through it any more.",
        "The VPN server or the way to it has died silently: reconnect the VPN. Traffic may leave outside as soon as the VPN gives up."},
    FindingText{"tunnel_unverified", warning, "The tunnel is up and routed, but nothing has answered through it yet.",
                "Wait a few seconds. If it stays, check that the VPN server answers and that VPN_SENTINEL_LIVENESS_SERVER is reachable."},
    FindingText{"default_route_outside", danger, "Traffic to public addresses leaves outside the tunnel.",
                "Stop what must not be exposed, then reconnect the VPN or restore its routes and rules."},
    FindingText{"ipv6_outside", danger, "IPv6 traffic leaves outside the tunnel.",
                "Tunnel IPv6 too, or switch it off in this namespace (sysctl net.ipv6.conf.all.disable_ipv6=1)."},
    FindingText{
        "route_injected", danger, "A route that is more specific than the tunnel's sends public addresses out beside it.",
        "Look who made the route (the evidence names prefix, device and protocol): a DHCP server or router of a hostile network can. "
        "Leave that network or remove the route."},
    FindingText{"route_captures_local", danger, "A network that claims to be local covers public addresses, which leave beside the tunnel.",
                "Leave this network; if it is really yours, add it to VPN_SENTINEL_LOCAL_NETWORKS."},
    FindingText{"local_network_public", information,
                "The uplink's own network has public addresses; as a local network it is reached outside the tunnel.",
                "Normal on a server or in a network with public addresses. If this is not your network, leave it: what you send to the "
                "addresses that the evidence names is not protected."},
    FindingText{"endpoint_route_misused", danger, "The route to the VPN server is wider than the server and lets other addresses out.",
                "Restore a host route to the server; if several addresses are its own, add them to VPN_SENTINEL_ENDPOINT."},
    FindingText{
        "rule_changed", danger, "A policy rule lets some packets out beside the tunnel, or the rules differ from the healthy state.",
        "Remove the rule (ip rule del). If these packets bypass the tunnel on purpose, allow them by the setting that the evidence names "
        "(VPN_SENTINEL_ALLOW_UIDS, _ALLOW_MARKS or _ALLOW_TABLES)."},
    FindingText{"baseline_drift", information, "The routes differ from the healthy state, or are too many to be compared with it.",
                "Normal after a reconnect to another server; otherwise look what the evidence names."},
    FindingText{"routes_sampled", warning, "The routing tables are too large to ask about every part, so a leak may be unseen.",
                "Watch a namespace with fewer routes, or fewer policy rules."},
    FindingText{"tunnel_replaced", information, "Another interface took the tunnel's place.",
                "Normal when the VPN names its interface anew; if it is not yours, stop what must not be exposed."},
    FindingText{"handshake_stale", warning, "WireGuard has had no handshake with the server for longer than its keys live.",
                "The server or the way to it is dead: check the endpoint and the keys, then reconnect."},
    FindingText{"flapping", information,
                "The target goes back and forth many times within seconds; the worse state is shown until it is calm.",
                "Look why the VPN restarts again and again (its log, the uplink); vpn-sentinel-probe watch shows each change."},
    FindingText{"uplink_lost", contained, "The interface that carries the tunnel is down, so the VPN server cannot be reached.",
                "Check the cable, the Wi-Fi or the container's network."},
    FindingText{"routes_unverifiable", warning, "The kernel could not be asked where packets go, so protection is not proved.",
                "Look at the evidence; run vpn-sentinel-probe doctor for missing rights or kernel features."},
    FindingText{"namespace_gone", warning, "The watched network namespace does not exist any more.",
                "Start the container or service again; the probe attaches by itself when the namespace is back."},
    FindingText{"namespace_abandoned", information, "Nothing but loopback is left in the probe's own network namespace.",
                "If this container shares another one's network, that one was restarted or removed and has a new namespace: restart this "
                "one, too. Else look what took the interfaces away."},
    FindingText{"exit_is_uplink", danger,
                "Outside services see the address of your own line (the uplink), or of its network, where they should see the VPN's.",
                "Stop what must not be exposed and reconnect the VPN; one whose server stands in this very network hides nothing. If this "
                "whole network is behind the VPN, name its exit in VPN_SENTINEL_EXPECTED_EXITS or set VPN_SENTINEL_LEARN_UPLINK=false."},
    FindingText{"exit_is_hub", danger, "Outside services see the address of the hub where they should see the VPN's.",
                "Traffic leaves by the hub's own line: reconnect the VPN. If the hub runs on the VPN server itself, name its address in "
                "VPN_SENTINEL_EXPECTED_EXITS."},
    FindingText{"hub_at_exit", information,
                "The hub has the address of the VPN's server, and outside services see that one as they should.",
                "Normal where you run both on one machine; an exit by the hub's own line cannot be told from the VPN's there."},
    FindingText{
        "exit_unexpected", warning, "The exit is not where it should be: wrong country, network or address.",
        "Connect the VPN to the right server, or change VPN_SENTINEL_EXPECTED_EXITS or VPN_SENTINEL_NEVER_EXITS; the evidence names "
        "the rule."},
    FindingText{"uplink_unknown", information, "The uplink's own address is not known, so the exit could not be compared with it.",
                "Check that VPN_SENTINEL_TRACE_URLS can be reached without the tunnel, or set VPN_SENTINEL_LEARN_UPLINK=false."},
    FindingText{"exit_changed", information, "The exit address is another one than before.",
                "Normal after a reconnect; otherwise look which server the VPN is connected to."},
    FindingText{"exit_disagrees", warning, "Services that tell the exit address do not agree, so some traffic may leave by another way.",
                "Look at the evidence: if one of the addresses is yours, a route or rule sends some destinations outside. Otherwise one of "
                "the services is wrong, or the VPN has several exits."},
    FindingText{
        "exit_unverifiable", warning, "The exit address could not be verified.",
        "Usually passes by itself; the evidence says why. If there is a login page on the way (hotel, train), log in first. If it stays, "
        "check VPN_SENTINEL_TRACE_URLS and whether HTTPS works inside the tunnel."},
    FindingText{
        "exit_family_silent", warning, "One of IPv4 and IPv6 told its exit address, and the other goes into the tunnel and told none.",
        "Many VPNs take IPv6 and lead it nowhere: switching it off in this namespace (sysctl net.ipv6.conf.all.disable_ipv6=1) ends the "
        "question. Otherwise it usually passes by itself; the evidence says why."},
    FindingText{
        "exit_not_compared", warning,
        "The way out without the tunnel shows the same address as the tunnel, so whether the VPN hides anything cannot be told here.",
        "Where this whole network or machine is behind the VPN that is right: set VPN_SENTINEL_LEARN_UPLINK=false. Otherwise the tunnel "
        "ends in this very network and hides nothing: connect it to another server."},
    FindingText{
        "exit_near_uplink", warning,
        "The exit is an address of the uplink's own network, as where a provider gives its customers shared addresses in turn.",
        "If your provider does so (CGNAT), traffic may leave without the VPN: compare the exit with what your VPN names as its own. "
        "If the VPN's server really stands there, name its address in VPN_SENTINEL_EXPECTED_EXITS."},
    FindingText{"exit_few_sources", information,
                "Fewer services than wanted told the exit address, so that one which errs would not be noticed.",
                "Usually passes by itself: services limit how often one address may ask. If it stays, vpn-sentinel-probe check says "
                "why the others told nothing; with VPN_SENTINEL_EXIT_QUORUM=1 one is enough."},
    FindingText{
        "exit_not_located", information,
        "The country or the network of the exit is not known, so that not every rule for it could be compared.",
        "Give the probe a database (VPN_SENTINEL_GEO_DATABASES) or a service that knows (VPN_SENTINEL_GEOLOCATION_SERVICE), or write "
        "the rules as addresses."},
    FindingText{"dns_unverifiable", warning, "It could not be verified which resolver answers programs, or by which way they reach it.",
                "The evidence says why. If the exit could not be verified either, see to that first. Else name a resolver of the VPN in "
                "resolv.conf (with Docker: --dns), or allow the one that answers by VPN_SENTINEL_DNS_ACCEPT; check that UDP port 53 works "
                "inside the tunnel."},
    FindingText{
        "dns_resolver_outside", warning, "Names are looked up outside the tunnel: others see which sites and services are used.",
        "Take the resolver that the evidence names out of resolv.conf, or out of the link that systemd-resolved has it from, and use "
        "the VPN's (resolvectl domain TUNNEL '~.'). If it is wanted, allow its address by VPN_SENTINEL_DNS_ACCEPT."},
    FindingText{"dns_egress_is_uplink", warning,
                "The resolver that answers programs asks from the line without the VPN: its provider sees the names, others see the line.",
                "Use the VPN's resolver, or a public one that is reached through the tunnel. Where a program of this machine answers "
                "(stub in the evidence), change whom it asks; with Docker give the container --dns."},
    FindingText{"dns_packets_outside", warning, "DNS packets left the namespace outside the tunnel.",
                "Look which program asks past the tunnel (vpn-sentinel-probe check), and use the VPN's resolver."},
    FindingText{"process_outside", danger, "A program sends outside the tunnel.",
                "The evidence names it: stop it, or bind it to the tunnel. If it may bypass the tunnel on purpose, allow its user by "
                "VPN_SENTINEL_ALLOW_UIDS or its packets by VPN_SENTINEL_ALLOW_MARKS; vpn-sentinel-probe connections lists all it does."},
    FindingText{
        "packets_outside", danger, "Packets left the namespace outside the tunnel.",
        "The evidence names where to and whose program (uid): stop it, or bind it to the tunnel. If it may bypass the tunnel on "
        "purpose, allow it by VPN_SENTINEL_ALLOW_UIDS, _ALLOW_MARKS or _LOCAL_NETWORKS; the VPN's server by VPN_SENTINEL_ENDPOINT."},
    FindingText{
        "packets_unjudged", warning, "Packets left the namespace outside the tunnel, and whether they are the VPN's own is not known yet.",
        "The VPN's program is asked and has not told its servers: after ten seconds it is a leak. If that comes often, the machine is "
        "overloaded or the program hangs; name the VPN's server by VPN_SENTINEL_ENDPOINT, and nobody has to be asked."},
    FindingText{"packets_uncounted", information, "What leaves outside the tunnel is not counted, or not all of it.",
                "The evidence says why and what is not seen; vpn-sentinel-probe doctor names missing rights and kernel features. Switch it "
                "off by VPN_SENTINEL_LEAK_METER=false."},
    FindingText{"dns_path_differs", warning, "Packets to port 53 leave by another address than HTTPS.",
                "Look for something that redirects port 53 (a router, a firewall rule, another tunnel)."},
    FindingText{
        "dns_answers_differ", warning, "The resolver that answers programs gives other addresses than a public one.",
        "Somebody may be redirecting names: compare the names in the evidence by hand. If the resolver filters on purpose, take them "
        "out of VPN_SENTINEL_DNS_COMPARE_NAMES."},
    FindingText{
        "udp_exit_outside", warning, "UDP (games, calls, torrents) appears on the Internet under another address than web traffic.",
        "If that is your own line (uplink), something lets UDP out beside the tunnel: stop what must not be exposed, and look for rules by "
        "protocol, port or mark (ip rule, nft list ruleset). Otherwise the VPN has several exits."},
    FindingText{"udp_unverifiable", information, "By which address UDP leaves could not be verified: no STUN server answered.",
                "Check that UDP works inside the tunnel and that VPN_SENTINEL_STUN_SERVERS are reachable, or set that to none."},
    FindingText{"mtu_blackhole", warning, "Small packets get through the tunnel and large ones are lost, so connections stand still.",
                "Lower the tunnel's MTU (ip link set dev TUNNEL mtu 1280), or clamp the MSS (nft: tcp option maxseg size set rt mtu)."},
    FindingText{"kill_switch_not_holding", danger, "The kill switch is armed, and a packet that it had to stop left nonetheless.",
                "Look at the rules (nft list ruleset): something accepts packets before it, or the evidence names another reason. Until "
                "then nothing stops what leaves outside the tunnel."},
    FindingText{"kill_switch_failed", warning, "The kill switch could not be put in place, or could not be looked at.",
                "The evidence says what is missing: mostly CAP_NET_ADMIN, or nf_tables in the kernel (vpn-sentinel-probe doctor). For a "
                "one-time check the daemon must be running."},
    FindingText{"kill_switch_disarmed", information, "The kill switch was disarmed by hand, and stays so.",
                "When you want it again: vpn-sentinel-probe killswitch arm."},
    FindingText{"kill_switch_unasked", information, "A kill switch is in place that the settings do not ask for, so nobody tends it.",
                "Set VPN_SENTINEL_KILL_SWITCH=armed to keep it, or take it away: vpn-sentinel-probe killswitch disarm."},
    FindingText{"kill_switch_no_server", warning, "The kill switch knows no VPN server, so the VPN may be unable to connect.",
                "Name the server's address in VPN_SENTINEL_ENDPOINT (ADDRESS:PORT/udp)."},
    FindingText{"kill_switch_incomplete", information, "The kill switch holds, but for what the evidence names.",
                "What is sent by AF_PACKET is held back from Linux 6.8 on (6.6.20, 6.1.80); of long lists the last entries found no room."},
    FindingText{"latency_dropped", warning, "Ordinary packets come back much sooner than those that are bound to the tunnel.",
                "They may take a way past the tunnel: compare the exit address and the routes; look for rules that redirect port 53."},
    FindingText{"latency_changed", information, "Packets come back much sooner than they used to.",
                "Normal when the VPN has moved to a nearer server. If it has not, they may take a way past the tunnel: compare the exit "
                "address and the routes."},
    FindingText{"kill_switch_absent", information, "No firewall rule is known to hold packets back if the tunnel fails.",
                "Use the VPN's kill switch, or vpn-sentinel-probe killswitch arm. The evidence names the rules that let packets out or "
                "could not be "
                "decided, or why none could be looked at. Who relies on rules sets VPN_SENTINEL_REQUIRE_KILL_SWITCH=true, and this becomes "
                "a warning."},
    FindingText{
        "kill_switch_changed", warning, "Somebody changed the firewall rules that held packets back if the tunnel fails.",
        "Look at the evidence for who and when. If the rules do not hold any more, restart the VPN so that it makes them anew; if that "
        "was wanted, restart the probe."},
    FindingText{
        "connections_closed", information, "Connections that ran outside the tunnel were ended when the target turned to danger.",
        "Wanted by VPN_SENTINEL_CLOSE_LEAKING_SOCKETS. The evidence tells how many; programs that open them again are not stopped: only "
        "a kill switch does that."},
    FindingText{"lease_expired", warning, "The probe has been silent for longer than it promised.",
                "Check the probe's host, its service (systemctl status vpn-sentinel-probe) and the way to the hub."},
    FindingText{"routes_not_seen", warning, "The address is known, but the tunnel is not verified: the Python client cannot see routes.",
                "Run vpn-sentinel-probe beside the VPN instead: it asks the kernel where packets go."},
    FindingText{"hub_cannot_store", warning, "The hub could not store what the probe reported, so what is shown may be incomplete.",
                "Look at the hub's health page and log: its disk is full, read-only or failing."},
    FindingText{"group_disagrees", warning, "Probes that watch the same VPN see different things.",
                "Trust the worse one until it is clear why: one of them may sit behind another tunnel, or cannot see."},
    FindingText{"group_witness_lost", warning, "The probe that saw traffic leave has fallen silent, so nobody saw that end.",
                "Bring that probe back, or look from its place; the evidence names it."},
    FindingText{"group_incomplete", warning, "Not all probes of the group can see, so what the others would say is not known.",
                "Bring the missing probes back; the evidence names them and how many the group's rule needs."},
    FindingText{"duplicate_client_id", warning, "Two probes report under the same name, so each hides what the other sees.",
                "Give each its own VPN_SENTINEL_CLIENT_ID; the evidence names both."},
    FindingText{"clock_skewed", information, "The clocks of probe and hub differ.",
                "Set the clock of the one that is wrong (timedatectl); until then times of events are shifted by the difference."},
    FindingText{"probe_stopped", warning, "The probe was stopped, so nobody is watching.", "Start it again when the VPN is in use."},
};

constexpr std::array<std::string_view, 5> state_words{"secure", "warning", "contained", "danger", "offline"};
constexpr std::array<std::string_view, 4> severity_words{"information", "warning", "contained", "danger"};

template <typename Enum, std::size_t N>
std::optional<Enum> parse_word(std::string_view text, const std::array<std::string_view, N>& words) {
  const auto* const found = std::ranges::find(words, text);
  if (found == words.end()) return std::nullopt;
  return static_cast<Enum>(found - words.begin());
}

}  // namespace

std::string_view to_string(State state) { return state_words.at(static_cast<std::size_t>(state)); }
std::optional<State> parse_state(std::string_view text) { return parse_word<State>(text, state_words); }
std::string_view to_string(Severity severity) { return severity_words.at(static_cast<std::size_t>(severity)); }
std::optional<Severity> parse_severity(std::string_view text) { return parse_word<Severity>(text, severity_words); }

State state_of(std::span<const Finding> findings) {
  auto worst = information;
  for (const auto& finding : findings) worst = std::max(worst, finding.severity);
  return static_cast<State>(worst);
}

std::span<const FindingText> finding_table() { return finding_rows; }

const FindingText* find_text(std::string_view code) {
  const auto* const found = std::ranges::find(finding_rows, code, &FindingText::code);
  return found == finding_rows.end() ? nullptr : found;
}

}  // namespace vpn_sentinel
