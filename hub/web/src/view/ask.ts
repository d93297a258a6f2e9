// Questions of a page: asked when it opens and when `key` changes, thrown away when it closes.

import { useCallback, useEffect, useState } from "preact/hooks";

import { question } from "../model/question";

export interface Answer<T> {
  value: T | null;
  error: Error | null;
  loading: boolean;
  again: () => void;
}

/** `every`: asked again so long (milliseconds) after each answer; what was known stays on screen meanwhile. */
export function useAnswer<T>(key: string, ask: (signal: AbortSignal) => Promise<T>, every = 0): Answer<T> {
  const [state, setState] = useState<{ key: string; value: T | null; error: Error | null }>({ key: "", value: null, error: null });
  const [round, setRound] = useState(0);
  const again = useCallback(() => setRound((count) => count + 1), []);
  useEffect(
    () =>
      question(ask, every, {
        answered: (value) => setState({ key, value, error: null }),
        failed: (error) => setState((before) => ({ key, value: before.key === key ? before.value : null, error })),
        due: again,
      }),
    [key, round],
  );
  const mine = state.key === key;
  return { value: mine ? state.value : null, error: mine ? state.error : null, loading: !mine, again };
}
