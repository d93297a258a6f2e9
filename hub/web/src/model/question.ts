// One question to the hub: it has an answer, an error or no answer in time, and only then it is time for the next one.

// An answer that does not come must neither keep the page from asking again nor leave on screen what was true once.
const longestAnswer = 30_000;

export interface QuestionHandlers<T> {
  answered(value: T): void;
  failed(error: Error): void;
  /** It is time to ask again. */
  due(): void;
}

/** Asks once. `every`: due again so long (milliseconds) after the end of this one; 0: never. What it returns ends it without a word. */
export function question<T>(ask: (signal: AbortSignal) => Promise<T>, every: number, on: QuestionHandlers<T>): () => void {
  const stop = new AbortController();
  let open = true;
  let next: ReturnType<typeof setTimeout> | undefined;
  const end = (tell: () => void): void => {
    if (!open) return;
    open = false;
    clearTimeout(limit);
    if (every > 0) next = setTimeout(() => on.due(), every);
    tell();
  };
  const limit = setTimeout(() => {
    end(() => on.failed(new Error(`No answer within ${longestAnswer / 1000} s`)));
    stop.abort();
  }, longestAnswer);
  ask(stop.signal).then(
    (value) => end(() => on.answered(value)),
    (error: Error) => end(() => on.failed(error)),
  );
  return () => {
    open = false;
    clearTimeout(limit);
    clearTimeout(next);
    stop.abort();
  };
}
