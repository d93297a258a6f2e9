"""Breaks by policy rules: somebody's packets are sent to another table, or the order changes."""

from __future__ import annotations

from flows import FROM_UPLINK, MARKED, TCP_PORT, UDP_PORT, USER, Flow
from case import OUT, Case, ip, prepare, undo
from network import UPLINK, UPLINK_TABLE, Network
from tunnels import Mode

PRIORITY = 90
BY_RULES = frozenset({"wg-quick", "gluetun"})
_TABLE = f"route add default {OUT} table {UPLINK_TABLE}"
_NO_TABLE = f"route del default table {UPLINK_TABLE}"


def letting_out(name: str, meaning: str, selector: str, flow: Flow) -> Case:
    """A rule that sends some packets to a table whose default is the uplink; the table alone changes nothing."""
    rule = f"{selector} lookup {UPLINK_TABLE} priority {PRIORITY}"

    def action(net: Network, mode: Mode) -> int:
        prepare(net, _TABLE)
        return ip(net, f"rule add {rule}")

    return Case(name, meaning, action, mend=undo(f"rule del {rule}", _NO_TABLE), flow=flow)


def _order(net: Network, mode: Mode) -> int:
    return ip(net, "rule add lookup main priority 50")


def _harmless(net: Network, mode: Mode) -> int:
    return ip(net, f"rule add fwmark 0x55 prohibit priority {PRIORITY}")


CASES = (
    letting_out("rule_mark", "a rule lets out what has a mark", "fwmark 0x77", MARKED),
    letting_out("rule_uids", "a rule lets out some users", "uidrange 2000-2999", USER),
    letting_out("rule_udp_port", "a rule lets out UDP to a port", "ipproto udp dport 5353", UDP_PORT),
    letting_out("rule_tcp_port", "a rule lets out TCP to a port", "ipproto tcp dport 443", TCP_PORT),
    letting_out("rule_source", "a rule lets out what has the uplink's address", f"from {UPLINK['v4']}", FROM_UPLINK),
    Case("rule_order", "the main table is asked before the tunnel's", _order, BY_RULES, undo("rule del lookup main priority 50")),
    Case("rule_harmless", "a rule that lets nothing out", _harmless, mend=undo(f"rule del fwmark 0x55 prohibit priority {PRIORITY}")),
)
