// The map: borders from the binary, no tiles, nothing asked of anybody. Loaded only by who opens the page. Labels are made as text nodes:
// Leaflet would take a string for HTML.

import {
  CircleMarker,
  circleMarker,
  layerGroup,
  map,
  polygon,
  polyline,
  type LatLngTuple,
  type LayerGroup,
  type Map as LeafletMap,
  type Polyline,
} from "leaflet";
import type { FeatureCollection, Position } from "geojson";
import { feature } from "topojson-client";
import places from "world:places";
import shapes from "world:shapes";

import { arcKey, bow, unwrapped, type DrawnArc } from "../model/flows";
import { byteText } from "../model/times";
import { countryName } from "../model/words";

export interface ExitPoint {
  country: string;
  clients: string[];
  state: string;
}

function label(...lines: string[]): HTMLElement {
  const node = document.createElement("div");
  for (const line of lines) {
    const part = document.createElement("div");
    part.textContent = line;
    node.append(part);
  }
  return node;
}

function names(clients: string[]): string {
  return clients.length > 5 ? `${clients.slice(0, 5).join(", ")} and ${clients.length - 5} more` : clients.join(", ");
}

const turned = (ring: Position[]): LatLngTuple[] => unwrapped(ring).map(([east, north]) => [north!, east!]);

/** Of each country its borders, of which none runs around the world: what crosses the 180th meridian goes on beyond it. */
function lands(): LatLngTuple[][][][] {
  const countries = feature(shapes, shapes.objects.countries) as FeatureCollection;
  return countries.features.map(({ geometry }) =>
    geometry.type === "Polygon"
      ? [geometry.coordinates.map(turned)]
      : geometry.type === "MultiPolygon"
        ? geometry.coordinates.map((rings) => rings.map(turned))
        : [],
  );
}

const radiusOf = (weight: number): number => 4 + weight / 2;

function labelOf(arc: DrawnArc): HTMLElement {
  return label(
    `${arc.from ? countryName(arc.from.country) : "Not known"} → ${countryName(arc.to.country)}`,
    `${arc.outside ? "Outside the tunnel" : "By the tunnel"}: ${byteText(arc.bytes)}`,
    names(arc.clients),
  );
}

/** An arc with what is drawn of it. */
interface Shown {
  arc: DrawnArc;
  weight: number;
  layers: (Polyline | CircleMarker)[];
}

export class WorldMap {
  readonly #map: LeafletMap;
  readonly #shown = new Map<string, Shown>();
  readonly #arcs: LayerGroup;
  readonly #exits: LayerGroup;

  constructor(node: HTMLElement) {
    this.#map = map(node, {
      attributionControl: false,
      minZoom: 1,
      maxZoom: 6,
      zoomSnap: 0.25,
      maxBounds: [
        [-75, -220],
        [86, 220],
      ],
      center: [30, 10],
      zoom: 1.5,
      zoomAnimation: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    });
    for (const land of lands()) polygon(land, { interactive: false, className: "land", weight: 0.6 }).addTo(this.#map);
    this.#arcs = layerGroup().addTo(this.#map);
    this.#exits = layerGroup().addTo(this.#map);
    this.fit();
  }

  /** The whole inhabited world, whatever the size of the page. */
  fit(): void {
    this.#map.invalidateSize();
    this.#map.fitBounds(
      [
        [-50, -130],
        [68, 165],
      ],
      { animate: false },
    );
  }

  /** Asked every few seconds: what is drawn already stays, so that nothing stops while it is moved, and a label stays open. */
  show(arcs: DrawnArc[]): void {
    const most = Math.max(1, ...arcs.map((arc) => arc.bytes));
    const wanted = new Map(arcs.map((arc) => [arcKey(arc), arc]));
    for (const [key, shown] of this.#shown) {
      if (wanted.has(key)) continue;
      for (const layer of shown.layers) this.#arcs.removeLayer(layer);
      this.#shown.delete(key);
    }
    let added = false;
    for (const [key, arc] of wanted) {
      // In steps: a line that would be a hair thicker is the same line.
      const weight = Math.round(4 * (1.5 + 3.5 * Math.sqrt(arc.bytes / most))) / 4;
      const shown = this.#shown.get(key);
      if (!shown) {
        this.#shown.set(key, this.#draw(arc, weight));
        added = true;
        continue;
      }
      shown.arc = arc;
      for (const layer of shown.layers) if (layer.isTooltipOpen()) layer.getTooltip()?.update();
      if (shown.weight === weight) continue;
      shown.weight = weight;
      for (const layer of shown.layers) layer.setStyle(layer instanceof CircleMarker ? { radius: radiusOf(weight) } : { weight });
    }
    if (!added) return;
    for (const { arc, layers } of this.#shown.values()) if (arc.outside) for (const layer of layers) layer.bringToFront();
  }

  #draw(arc: DrawnArc, weight: number): Shown {
    const way = arc.outside ? "outside" : "tunnel";
    const shown: Shown = { arc, weight, layers: [] };
    const text = (): HTMLElement => labelOf(shown.arc);
    if (arc.from && arc.from.country !== arc.to.country)
      shown.layers.push(polyline(bow(arc.from, arc.to), { className: `arc ${way}`, weight, fill: false }).bindTooltip(text, { sticky: true }));
    shown.layers.push(
      circleMarker([arc.to.latitude, arc.to.longitude], { className: `end ${way}`, radius: radiusOf(weight), weight: 1 }).bindTooltip(text),
    );
    for (const layer of shown.layers) layer.addTo(this.#arcs);
    return shown;
  }

  showExits(exits: ExitPoint[]): void {
    this.#exits.clearLayers();
    for (const exit of exits) {
      const place = Object.hasOwn(places, exit.country) ? places[exit.country] : undefined;
      if (!place) continue;
      circleMarker(place, { className: `exit state-${exit.state}`, radius: 7, weight: 2.5 })
        .bindTooltip(() => label(`Exits in ${countryName(exit.country)}`, names(exit.clients)))
        .addTo(this.#exits);
    }
  }

  remove(): void {
    this.#map.remove();
  }
}
