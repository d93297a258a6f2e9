// Which page is shown: what follows '#' in the address, so that each page can be bookmarked and no server needs to know it. Pure.

export type Place =
  | { page: "overview" }
  | { page: "client"; id: string }
  | { page: "incidents"; client?: string; open?: boolean }
  | { page: "incident"; id: number; client: string }
  | { page: "connections" }
  | { page: "keys" }
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
  if (page === "connections" || page === "keys" || page === "account" || page === "wall") return { page };
  return { page: "overview" };
}

export const overviewAddress = "#/";
export const keysAddress = "#/keys";
export const accountAddress = "#/account";
export const clientAddress = (id: string): string => `#/clients/${encodeURIComponent(id)}`;
export const incidentAddress = (client: string, id: number): string => `#/incidents/${encodeURIComponent(client)}/${id}`;
export const incidentsAddress = (client?: string): string => `#/incidents${client ? `?client=${encodeURIComponent(client)}` : ""}`;
