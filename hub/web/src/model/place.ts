// Which page is shown: what follows '#' in the address, so that each page can be bookmarked and no server needs to know it. Pure.

/** What the settings are made of, in the order of their menu. */
export const parts = ["hub", "alerts", "keys", "users", "tokens", "log", "audit"] as const;
export type Part = (typeof parts)[number];

export type Place =
  | { page: "overview" }
  | { page: "client"; id: string }
  | { page: "incidents"; client?: string; open?: boolean }
  | { page: "incident"; id: number; client: string }
  | { page: "connections" }
  | { page: "settings"; part: Part }
  | { page: "reliability" }
  | { page: "account" }
  | { page: "wall" };

function decoded(part: string | undefined): string {
  try {
    return decodeURIComponent(part ?? "");
  } catch {
    return "";
  }
}

/** An address that nobody made a page for leads to the overview. */
export function placeOf(hash: string): Place {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [page, first, second] = path.split("/").map(decoded);
  const asked = new URLSearchParams(query);
  if (page === "clients" && first) return { page: "client", id: first };
  if (page === "incidents" && first && second && /^[0-9]{1,15}$/.test(second))
    return { page: "incident", client: first, id: Number(second) };
  if (page === "incidents")
    return { page: "incidents", client: asked.get("client") ?? undefined, open: asked.get("open") === "true" || undefined };
  if (page === "settings") return { page, part: parts.find((each) => each === first) ?? parts[0] };
  // Where the keys stood before there was more to set.
  if (page === "keys") return { page: "settings", part: "keys" };
  if (page === "connections" || page === "reliability" || page === "account" || page === "wall") return { page };
  return { page: "overview" };
}

export const overviewAddress = "#/";
export const settingsAddress = (part?: Part): string => `#/settings${part ? `/${part}` : ""}`;
export const accountAddress = "#/account";
export const clientAddress = (id: string): string => `#/clients/${encodeURIComponent(id)}`;
export const incidentAddress = (client: string, id: number): string => `#/incidents/${encodeURIComponent(client)}/${id}`;
export const incidentsAddress = (client?: string): string => `#/incidents${client ? `?client=${encodeURIComponent(client)}` : ""}`;
