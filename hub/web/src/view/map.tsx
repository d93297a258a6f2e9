import { useEffect, useRef, useState } from "preact/hooks";

import type { ExitPoint, WorldMap } from "../map/world_map";
import { drawnArcs, type FlowMap } from "../model/flows";
import { countryOf, stateRank } from "../model/words";
import { useStore } from "../store";

/** Where clients appear on the Internet, country by country, with the worst state there. Who is not current has no colour. */
function useExits(client: string | undefined): ExitPoint[] {
  const store = useStore();
  const exits = new Map<string, ExitPoint>();
  for (const each of store.fleet.clients.values()) {
    const country = countryOf(each).toUpperCase();
    if (!country || each.members || (client && each.client_id !== client)) continue;
    const state = store.isCurrent(each) ? each.state : "offline";
    const known = exits.get(country) ?? { country, clients: [], state };
    known.clients.push(each.client_id);
    if (stateRank(state) < stateRank(known.state)) known.state = state;
    exits.set(country, known);
  }
  return [...exits.values()];
}

export function MapView({ data, client }: { data: FlowMap | null; client?: string }) {
  const place = useRef<HTMLDivElement>(null);
  const [world, setWorld] = useState<WorldMap | null>(null);
  const [failed, setFailed] = useState(false);
  const exits = useExits(client);
  useEffect(() => {
    let made: WorldMap | null = null;
    let gone = false;
    let sized: ResizeObserver | null = null;
    import("../map/world_map")
      .then(({ WorldMap: Made }) => {
        if (gone || !place.current) return;
        made = new Made(place.current);
        sized = new ResizeObserver(() => made?.fit());
        sized.observe(place.current);
        setWorld(made);
      })
      .catch(() => setFailed(true));
    return () => {
      gone = true;
      sized?.disconnect();
      made?.remove();
    };
  }, []);
  useEffect(() => world?.show(drawnArcs(data?.arcs ?? [])), [world, data]);
  useEffect(() => world?.showExits(exits), [world, JSON.stringify(exits)]);
  if (failed) return <p class="failure">The map could not be loaded.</p>;
  return (
    <>
      <div ref={place} class="map" role="region" aria-label="Map of exits and connections; the tables below say the same" />
      <p class="quiet small map-legend">
        <span>
          <i class="key exit" /> exit of a client
        </span>
        <span>
          <i class="key tunnel" /> by the tunnel
        </span>
        <span>
          <i class="key outside" /> outside the tunnel
        </span>
        <span>borders: Natural Earth</span>
      </p>
    </>
  );
}
