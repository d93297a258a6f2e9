// Pages whose code is fetched when they are opened.

import type { FunctionComponent } from "preact";
import { useEffect, useState } from "preact/hooks";

import { Failure } from "./parts";

interface LazyProps<Props> {
  what: string;
  /** The same function each time. */
  load: () => Promise<FunctionComponent<Props>>;
  props: Props;
}

export function Lazy<Props extends object>({ what, load, props }: LazyProps<Props>) {
  const [made, setMade] = useState<{ Page: FunctionComponent<Props> } | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const ask = (): void => {
    setError(null);
    load()
      .then((Page) => setMade({ Page }))
      .catch(setError);
  };
  useEffect(ask, [load]);
  if (error) return <Failure what={what} error={error} again={ask} />;
  return made ? <made.Page {...props} /> : <p class="quiet">Asking…</p>;
}
