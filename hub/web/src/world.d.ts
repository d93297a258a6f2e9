declare module "*.css";
declare module "world:places" {
  /** Latitude and longitude of a country, by its two letters. */
  const places: Record<string, [number, number]>;
  export default places;
}
declare module "world:shapes" {
  import type { Topology, GeometryCollection } from "topojson-specification";
  const shapes: Topology<{ countries: GeometryCollection }>;
  export default shapes;
}
