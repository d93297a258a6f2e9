// Questions of a page: asked when it opens and when `key` changes, thrown away when it closes.

import { useCallback, useEffect, useState } from "preact/hooks";

export interface Answer<T> {
  value: T | null;
  error: Error | null;
  loading: boolean;
  again: () => void;
}

/** `every`: asked again so often (milliseconds); what was known stays on screen meanwhile. */
export function useAnswer<T>(key: string, ask: (signal: AbortSignal) => Promise<T>, every = 0): Answer<T> {
  const [state, setState] = useState<{ key: string; value: T | null; error: Error | null }>({ key: "", value: null, error: null });
  const [round, setRound] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    ask(stop.signal)
      .then((value) => setState({ key, value, error: null }))
      .catch((error: Error) => {
        if (!stop.signal.aborted) setState((before) => ({ key, value: before.key === key ? before.value : null, error }));
      });
    const timer = every > 0 ? setTimeout(() => setRound((count) => count + 1), every) : undefined;
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [key, round]);
  const again = useCallback(() => setRound((count) => count + 1), []);
  const mine = state.key === key;
  return { value: mine ? state.value : null, error: mine ? state.error : null, loading: !mine, again };
}
