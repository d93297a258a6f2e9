// Texts that change with time alone: written in place once per second, so that a thousand of them are not drawn anew.

import { useEffect, useRef } from "preact/hooks";

import { ago, duration, localTime } from "../model/times";
import { store } from "../store";

// A change of text lays out the whole table that it stands in, as long as ten frames of a thousand rows: while somebody scrolls, what is
// further than a screen away from what he sees keeps its text.
const still = 500;

const writers = new Map<HTMLTimeElement, () => void>();
let scrolled = -Infinity;
let following = false;

function isNear(node: HTMLElement): boolean {
  const { top, bottom } = node.getBoundingClientRect();
  return bottom > -innerHeight && top < 2 * innerHeight;
}

/** Whose places are asked for is settled before the first text is written: between two changes each question would lay out the page. */
function tick(): void {
  const scrolling = performance.now() - scrolled < still;
  const due = [...writers].filter(([node]) => !scrolling || isNear(node));
  for (const [, write] of due) write();
}

function follow(): void {
  if (following) return;
  following = true;
  addEventListener("scroll", () => (scrolled = performance.now()), { capture: true, passive: true });
  store.onTick(tick);
}

function Ticking({ at, word }: { at: string; word: (milliseconds: number) => string }) {
  const place = useRef<HTMLTimeElement>(null);
  useEffect(() => {
    const node = place.current!;
    const time = Date.parse(at);
    const write = (): void => {
      const text = Number.isNaN(time) ? "–" : word(store.hubTime() - time);
      if (node.textContent !== text) node.textContent = text;
    };
    write();
    writers.set(node, write);
    follow();
    return () => writers.delete(node);
  }, [at]);
  return <time ref={place} dateTime={at} title={localTime(at)} class="number" />;
}

export const Ago = ({ at }: { at: string }) => <Ticking at={at} word={ago} />;
export const For = ({ since }: { since: string }) => <Ticking at={since} word={duration} />;
