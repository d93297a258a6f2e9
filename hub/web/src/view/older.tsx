// Lists that come page by page: the first page, and older ones when they are asked for.

import type { ComponentChild } from "preact";
import { useState } from "preact/hooks";

import type { Listed } from "../api";
import { Failure } from "./parts";

/** All that is known by now, and a button for more. Give the component another key when `first` is asked for anew. */
export function useOlder<T>(first: Listed<T>, what: string, ask: (cursor?: string) => Promise<Listed<T>>): [T[], ComponentChild] {
  const [later, setLater] = useState<Listed<T>>({ items: [], more: first.more, next: first.next });
  const [error, setError] = useState<Error | null>(null);
  const more = (): void => {
    setError(null);
    ask(later.next)
      .then((next) => setLater((before) => ({ ...next, items: [...before.items, ...next.items] })))
      .catch(setError);
  };
  const rest = error ? (
    <Failure what={what} error={error} again={more} />
  ) : (
    later.more && (
      <p>
        <button type="button" onClick={more}>
          {what}
        </button>
      </p>
    )
  );
  return [[...first.items, ...later.items], rest];
}
