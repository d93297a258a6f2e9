// Buttons that change something at the hub at once, and what is said when it refuses.

import { useState } from "preact/hooks";

interface ActProps {
  label: string;
  /** To whom or what; said only where nobody sees beside what the button stands. */
  of: string;
  /** What follows, for who has pressed by mistake. */
  sure: string;
  act: () => Promise<void>;
  failed: (error: Error) => void;
}

/** Asks before it acts. */
export function Act({ label, of, sure, act, failed }: ActProps) {
  return (
    <button type="button" class="act" onClick={() => confirm(sure) && act().catch(failed)}>
      {label}
      <span class="hidden"> {of}</span>
    </button>
  );
}

export function useFault(): [Error | null, (error: Error | null) => void] {
  return useState<Error | null>(null);
}

export const Fault = ({ error }: { error: Error | null }) =>
  error && (
    <p class="failure" role="alert">
      Not done: {error.message}
    </p>
  );
