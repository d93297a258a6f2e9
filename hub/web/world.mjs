// What the map is made of, from Natural Earth's borders. Where each country is, for what is only known by its two letters: the middle of its largest piece.

/** Twice the area of a ring in square degrees, and its centroid [longitude, latitude]. */
function measured(ring) {
  let area = 0;
  let east = 0;
  let north = 0;
  for (let i = 0; i + 1 < ring.length; ++i) {
    const cross = ring[i][0] * ring[i + 1][1] - ring[i + 1][0] * ring[i][1];
    area += cross;
    east += (ring[i][0] + ring[i + 1][0]) * cross;
    north += (ring[i][1] + ring[i + 1][1]) * cross;
  }
  return { area: Math.abs(area), centre: area === 0 ? ring[0] : [east / (3 * area), north / (3 * area)] };
}

function middle(geometry) {
  const polygons = geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates;
  const pieces = polygons.map((polygon) => measured(polygon[0]));
  return pieces.reduce((largest, piece) => (piece.area > largest.area ? piece : largest)).centre;
}

/** {"RO": [45.85, 24.94], …}: latitude and longitude to a tenth of a degree. */
export function placesOfCountries(require) {
  const { feature } = require("topojson-client");
  const atlas = require("world-atlas/countries-50m.json");
  const letters = new Map(require("i18n-iso-countries/codes.json").map(([two, , number]) => [number, two]));
  const places = {};
  for (const country of feature(atlas, atlas.objects.countries).features) {
    const two = letters.get(country.id);
    if (!two || !country.geometry) continue;
    const [longitude, latitude] = middle(country.geometry);
    places[two] = [Math.round(latitude * 10) / 10, Math.round(longitude * 10) / 10];
  }
  return places;
}

// Steps of a tenth of a degree around the world: the borders are no finer than that, and each further digit is for nobody to see.
const gridSteps = 3600;

/** What topojson-client can put on another grid: a topology in degrees, without a grid. */
function inDegrees({ type, transform, arcs, objects }) {
  const { scale, translate } = transform;
  const place = ([x, y]) => [x * scale[0] + translate[0], y * scale[1] + translate[1]];
  const summed = (arc) => {
    let [east, north] = [0, 0];
    return arc.map(([x, y]) => place([(east += x), (north += y)]));
  };
  return { type, objects, arcs: arcs.map(summed) };
}

/** The borders of the countries, without their names and numbers and without the outline of all of them together. */
export function bordersAlone(require) {
  const { quantize } = require("topojson-client");
  const { type, transform, arcs, objects } = quantize(inDegrees(require("world-atlas/countries-110m.json")), gridSteps);
  const geometries = objects.countries.geometries.map((country) => ({ type: country.type, arcs: country.arcs }));
  return { type, transform, arcs, objects: { countries: { type: objects.countries.type, geometries } } };
}
