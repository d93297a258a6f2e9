// What the hub tells once: it stands here until the page is left, and nowhere else.

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

export function Once({ title, text, children }: { title: string; text: string; children?: ComponentChildren }) {
  const box = useRef<HTMLElement>(null);
  useLayoutEffect(() => box.current?.focus(), [text]);
  return (
    <section ref={box} class="once" tabIndex={-1} aria-label={title}>
      <p>
        <strong>{title}</strong> It is shown this once.
      </p>
      <pre tabIndex={0} aria-label="To copy">
        <code>{text}</code>
      </pre>
      {children}
    </section>
  );
}
