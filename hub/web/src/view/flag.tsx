// The flag of a country where the system can draw one; many cannot (Windows, Linux without an emoji font), and show its letters.

import { flag } from "../model/words";

let drawsFlags: boolean | null = null;

/** A flag has colours; a missing glyph and plain letters are grey. */
function canDrawFlags(): boolean {
  if (drawsFlags !== null) return drawsFlags;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 24;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) return (drawsFlags = false);
  context.font = "20px sans-serif";
  context.fillText(flag("RO"), 0, 20);
  const pixels = context.getImageData(0, 0, 24, 24).data;
  drawsFlags = false;
  for (let i = 0; i < pixels.length; i += 4) {
    if (pixels[i + 3]! > 128 && Math.abs(pixels[i]! - pixels[i + 2]!) > 40) drawsFlags = true;
  }
  return drawsFlags;
}

export function Flag({ country }: { country: string }) {
  const drawn = flag(country);
  if (!drawn) return null;
  if (canDrawFlags())
    return (
      <span class="flag" aria-hidden="true">
        {drawn}{" "}
      </span>
    );
  return (
    <>
      <span class="letters" aria-hidden="true">
        {country.toUpperCase()}
      </span>{" "}
    </>
  );
}
