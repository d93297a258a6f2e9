import type { Answer } from "./ask";
import { Failure } from "./parts";

/** What is true of every list: asked for, not readable, or empty. */
export function Standing({ what, answer, none }: { what: string; answer: Answer<unknown[]>; none: string }) {
  if (answer.error) return <Failure what={what} error={answer.error} again={answer.again} />;
  if (answer.loading) return <p class="quiet">Asking…</p>;
  return answer.value?.length === 0 ? <p class="quiet">{none}</p> : null;
}
