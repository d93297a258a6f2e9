import type { Answer } from "./ask";
import { Failure } from "./parts";

interface StandingProps {
  what: string;
  answer: Answer<unknown>;
  /** Said of a list that is empty. */
  none?: string;
}

/** What is true of every question: on its way, not answered, or answered with nothing. What was known before stays on screen. */
export function Standing({ what, answer, none }: StandingProps) {
  if (answer.error) return <Failure what={what} error={answer.error} again={answer.again} />;
  if (answer.loading) return <p class="quiet">Asking…</p>;
  return none && Array.isArray(answer.value) && answer.value.length === 0 ? <p class="quiet">{none}</p> : null;
}
