/** A client as the hub tells it, seen at `now`, with a lease of 30 s. */
export function client(clientId, now, more = {}) {
  const time = (at) => new Date(at).toISOString();
  return {
    client_id: clientId,
    state: "secure",
    since: time(now),
    first_seen: time(now),
    last_seen: time(now),
    lease_deadline: time(now + 30_000),
    findings: [],
    source_address: "192.0.2.1",
    ...more,
  };
}
