// Who is muted now, for the pages that only show it.

import { useMemo } from "preact/hooks";

import { askMutes } from "../api";
import type { Client } from "../model/types";
import { localTime } from "../model/times";
import { useAnswer } from "./ask";

/** Of a client the words of its mute, or of its group's; undefined: it is told of as always. */
export function useMuted(): (client: Client) => string | undefined {
  const { value } = useAnswer("mutes", askMutes, 60_000);
  const words = useMemo(
    () => new Map((value ?? []).map(({ subject, until, by }) => [subject, until ? `by ${by} until ${localTime(until)}` : `by ${by}`])),
    [value],
  );
  return (client) => words.get(client.client_id) ?? (client.group ? words.get(`group:${client.group}`) : undefined);
}
