// The rows of the table: made once per client and changed in place. Text goes in by textContent only: ids, places and evidence come
// from the network.

import {
  ago, codeText, containedText, dnsText, duration, exitText, groupName, killSwitchText, leakText, overdue, pathText, placeText, rulesetText,
  stateText, tunnelText,
} from "./words.js";

const columns = ["State", "Client", "Findings", "For", "Last seen", "Exit", "DNS", "Left outside", "Tunnel", "Version"];

export function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

export function light(text, state) {
  const node = element("span", "light");
  node.dataset.state = state;
  const sign = element("span", "sign", text.sign);
  sign.setAttribute("aria-hidden", "true");
  node.append(sign, element("span", "word", text.word));
  return node;
}

function finding(item, wasOpen) {
  const details = element("details", `finding ${item.severity}`);
  details.dataset.code = item.code;
  details.open = wasOpen;
  details.append(element("summary", "", item.meaning ?? codeText(item.code)));
  if (item.advice) details.append(element("p", "", item.advice));
  const evidence = Object.entries(item.evidence ?? {});
  if (evidence.length > 0) {
    const list = element("dl", "evidence");
    for (const [key, value] of evidence) {
      list.append(element("dt", "", codeText(key)), element("dd", "", typeof value === "string" ? value : JSON.stringify(value)));
    }
    details.append(list);
  }
  details.append(element("p", "code", item.code));
  return details;
}

function fillFindings(cell, findings) {
  const open = new Set([...cell.querySelectorAll("details[open]")].map((node) => node.dataset.code));
  const nodes = findings.map((item) => finding(item, open.has(item.code)));
  cell.replaceChildren(...(nodes.length > 0 ? nodes : [element("span", "quiet", "None")]));
}

function fillLines(cell, lines, className) {
  const nodes = lines.map((line) => element("span", className, line));
  cell.replaceChildren(...(nodes.length > 0 ? nodes : [element("span", "quiet", "–")]));
}

/** How much left, where to and who sent it; then what holds packets back. */
function fillOutside(cell, client) {
  const wasOpen = cell.querySelector("details")?.open ?? false;
  const nodes = [];
  const leak = leakText(client);
  if (leak && leak.details.length > 0) {
    const details = element("details", leak.bad ? "outside bad" : "outside");
    details.open = wasOpen;
    details.append(element("summary", "", leak.amount), ...leak.details.map((line) => element("p", "", line)));
    nodes.push(details);
  } else if (leak) {
    nodes.push(element("span", "", leak.amount));
  }
  const kill = killSwitchText(client);
  if (kill) nodes.push(element("span", kill.good ? "kill" : "kill bad", kill.text));
  const rules = rulesetText(client);
  if (rules) nodes.push(element("span", rules.good ? "kill" : "kill bad", rules.text));
  cell.replaceChildren(...(nodes.length > 0 ? nodes : [element("span", "quiet", "–")]));
}

/** The name of a client, or of a group with a mark that it is one. */
export function nameNodes(tag, clientId) {
  const group = groupName(clientId);
  if (group === null) return [element(tag, "", clientId)];
  return [element(tag, "", group), " ", element("span", "badge", "group")];
}

/** Of a group also who decides in it and what each of its probes sees. */
function fillName(cell, client) {
  cell.replaceChildren(...nameNodes("span", client.client_id));
  const members = (client.members ?? []).map((member) => `${member.client_id}: ${stateText(member.state).word}${member.sees ? "" : " (cannot see)"}`);
  if (client.rule) cell.append(element("span", "quiet member", `Rule: ${client.rule}`));
  cell.append(...members.map((line) => element("span", "quiet member", line)));
}

export class Row {
  #cells = {};
  #findings = "";
  #light = "";
  #outside = "";

  constructor() {
    this.node = element("tr");
    this.node.setAttribute("role", "row");
    for (const name of columns) {
      const cell = element(name === "Client" ? "th" : "td");
      cell.setAttribute("role", name === "Client" ? "rowheader" : "cell");
      if (name === "Client") cell.scope = "row";
      cell.dataset.label = name;
      this.#cells[name] = cell;
      this.node.append(cell);
    }
  }

  show(client) {
    this.client = client;
    const cells = this.#cells;
    fillName(cells.Client, client);
    // Only when they differ: a details element that is being read must not be torn away by every report.
    const findings = JSON.stringify(client.findings ?? []);
    if (findings !== this.#findings) fillFindings(cells.Findings, client.findings ?? []);
    this.#findings = findings;
    fillLines(cells.Exit, exitText(client), "address");
    const where = [placeText(client), client.location?.org].filter(Boolean);
    cells.Exit.append(...where.map((line) => element("span", "quiet", line)));
    fillLines(cells.DNS, dnsText(client));
    const outside = JSON.stringify([client.leak, client.kill_switch, client.ruleset]);
    if (outside !== this.#outside) fillOutside(cells["Left outside"], client);
    this.#outside = outside;
    fillLines(cells.Tunnel, [...tunnelText(client), ...pathText(client)]);
    fillLines(cells.Version, client.client_version ? [client.client_version] : []);
  }

  /** What changes with time alone. */
  tick(hubTime, isOverdue) {
    const { client } = this;
    this.#cells.For.textContent = duration(hubTime - Date.parse(client.since));
    this.#cells["Last seen"].textContent = ago(hubTime - Date.parse(client.last_seen));
    const shown = isOverdue ? "overdue" : client.state;
    const how = isOverdue ? null : containedText(client);
    if (shown + how === this.#light) return;
    this.#light = shown + how;
    this.node.dataset.state = shown;
    this.#cells.State.replaceChildren(light(isOverdue ? overdue : stateText(client.state), shown));
    if (how) this.#cells.State.append(element("span", "quiet how", how));
  }
}
