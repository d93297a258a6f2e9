// What the hub tells once: it stands here until the page is left, and nowhere else.

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

/** Browsers let a page copy on loopback and by HTTPS alone; elsewhere the text is chosen whole by one press. */
function Copy({ text }: { text: string }) {
  const [done, setDone] = useState("");
  if (!navigator.clipboard) return null;
  const copy = (): void => {
    navigator.clipboard.writeText(text).then(
      () => setDone("Copied."),
      () => setDone("Not copied: the browser refuses."),
    );
  };
  return (
    <p class="acts">
      <button type="button" class="act" onClick={copy}>
        Copy
      </button>
      <span class="quiet small" role="status">
        {done}
      </span>
    </p>
  );
}

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
      <Copy key={text} text={text} />
      {children}
    </section>
  );
}
