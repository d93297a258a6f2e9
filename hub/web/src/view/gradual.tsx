// Long lists: what is seen first is drawn at once, the rest when somebody comes near it. A thousand rows at once would take seconds on a phone.

import type { ComponentChild } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

const portion = 60;
// Drawn before it is seen, so that scrolling meets no end.
const ahead = "1500px";

/** How many of `all` are drawn, and a button that stands for the others and presses itself when it comes near. */
export function useGradual(all: number): [number, ComponentChild] {
  const [drawn, setDrawn] = useState(portion);
  const button = useRef<HTMLButtonElement>(null);
  const more = (): void => setDrawn((count) => count + portion);
  useEffect(() => {
    if (!button.current) return undefined;
    const near = new IntersectionObserver(
      (seen) => {
        if (seen.some((each) => each.isIntersecting)) more();
      },
      { rootMargin: ahead },
    );
    near.observe(button.current);
    return () => near.disconnect();
  }, [drawn, all > drawn]);
  const rest =
    all > drawn ? (
      <p class="nothing">
        <button ref={button} type="button" onClick={more}>
          {all - drawn} more
        </button>
      </p>
    ) : null;
  return [drawn, rest];
}
