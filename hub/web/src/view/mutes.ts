// Who is muted now, for the pages that only show it.

import { useMemo } from "preact/hooks";

import { askMutes } from "../api";
import type { Client } from "../model/types";
import { localTime } from "../model/times";
import { useAnswer } from "./ask";

export interface Mutes {
  /** The words of the client's mute, or of its group's; undefined: it is told of as always, unless `trouble` says otherwise. */
  of: (client: Client) => string | undefined;
  /** Why that is not known now; empty: it is. */
  trouble: string;
}

export function useMutes(): Mutes {
  const { value, error } = useAnswer("mutes", askMutes, 60_000);
  const words = useMemo(
    () => new Map((value ?? []).map(({ subject, until, by }) => [subject, until ? `by ${by} until ${localTime(until)}` : `by ${by}`])),
    [value],
  );
  return {
    of: (client) => words.get(client.client_id) ?? (client.group ? words.get(`group:${client.group}`) : undefined),
    trouble: error ? `Who is muted could not be read: ${error.message}.` : "",
  };
}
