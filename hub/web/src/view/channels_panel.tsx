// The channels that alerts go by, how they stand, and a test message by each.

import { useState } from "preact/hooks";

import { testChannel, type Channel } from "../settings_api";
import { useStore } from "../store";
import type { Answer } from "./ask";
import { Panel } from "./parts";
import { Standing } from "./standing";

function channelState({ on, failing, waiting, last_error }: Channel): { how: string; text: string } {
  if (!on) return { how: "none", text: "off" };
  if (failing) return { how: "bad", text: `does not take messages: ${last_error || "the reason is not known"}` };
  return waiting > 0 ? { how: "unknown", text: `${waiting} waiting` } : { how: "good", text: "works" };
}

/** Sends one message now, and tells what came of it. */
function Trial({ name }: { name: string }) {
  const [told, setTold] = useState<{ how: string; text: string } | null>(null);
  const [busy, setBusy] = useState(false);
  const attempt = (): void => {
    if (busy) return;
    setBusy(true);
    setTold({ how: "none", text: "Sending…" });
    testChannel(name)
      .then(({ delivered, took_ms, reason }) =>
        setTold(
          delivered
            ? { how: reason ? "unknown" : "good", text: `Taken after ${took_ms} ms${reason ? `, but: ${reason}` : ""}` }
            : { how: "bad", text: `Not taken: ${reason ?? "the reason is not known"}` },
        ),
      )
      .catch((error: Error) => setTold({ how: "bad", text: `Not sent: ${error.message}` }))
      .finally(() => setBusy(false));
  };
  return (
    <div class="acts">
      <button type="button" class="act" aria-disabled={busy} onClick={attempt}>
        Send a test<span class="hidden"> by {name}</span>
      </button>
      <span class="told-state" role="status" data-how={told?.how ?? "none"}>
        {told?.text}
      </span>
    </div>
  );
}

export function Channels({ answer, may }: { answer: Answer<Channel[]>; may: boolean }) {
  const { live } = useStore();
  return (
    <Panel title="Channels" id="channels">
      <Standing what="The channels" answer={answer} none="None: nobody is told of anything." />
      <ul class="entries">
        {(answer.value ?? []).map((each) => {
          const state = channelState(each);
          return (
            <li key={each.name}>
              <div class="entry-head">
                <strong>{each.name}</strong>
                <span class="badge">{each.kind}</span>
                <span class="told-state" data-how={live && !answer.error ? state.how : "none"}>
                  {state.text}
                </span>
                <span class="quiet">
                  {each.delivered} delivered{each.given_up > 0 && `, ${each.given_up} given up`}
                  {" since the hub started"}
                </span>
              </div>
              {may && each.on && <Trial name={each.name} />}
            </li>
          );
        })}
      </ul>
      <p class="quiet small">
        Channels stand in the hub's settings and in the file that <code>alerts_file</code> names, because they hold secrets.
      </p>
    </Panel>
  );
}
