// Those parts of Leaflet that the map is made of, which is half of it: its own index brings tiles, icons, pop-ups and canvas along.
import { Map as LeafletMap, createMap } from "leaflet/src/map/Map.js";
import { DoubleClickZoom } from "leaflet/src/map/handler/Map.DoubleClickZoom.js";
import { Drag } from "leaflet/src/map/handler/Map.Drag.js";
import { Keyboard } from "leaflet/src/map/handler/Map.Keyboard.js";
import { ScrollWheelZoom } from "leaflet/src/map/handler/Map.ScrollWheelZoom.js";
import { TouchZoom } from "leaflet/src/map/handler/Map.TouchZoom.js";
import { svg } from "leaflet/src/layer/vector/SVG.js";
// These add themselves to every map and layer.
import "leaflet/src/control/Control.Zoom.js";
import "leaflet/src/layer/Tooltip.js";

// Whoever has only one way to draw need not ask which.
LeafletMap.include({
  getRenderer() {
    this.onlyRenderer ??= svg();
    if (!this.hasLayer(this.onlyRenderer)) this.addLayer(this.onlyRenderer);
    return this.onlyRenderer;
  },
});
Object.assign(LeafletMap, { DoubleClickZoom, Drag, Keyboard, ScrollWheelZoom, TouchZoom });

export { createMap as map };
export { layerGroup } from "leaflet/src/layer/LayerGroup.js";
export { CircleMarker, circleMarker } from "leaflet/src/layer/vector/CircleMarker.js";
export { polygon } from "leaflet/src/layer/vector/Polygon.js";
export { polyline } from "leaflet/src/layer/vector/Polyline.js";
