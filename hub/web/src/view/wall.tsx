// For a screen on the wall: nothing to press, readable from afar, and unmistakable when it is not live.

import { useEffect } from "preact/hooks";

import { select, wholeView } from "../model/filter";
import { overviewAddress } from "../model/place";
import { groupName, placeText, stateText } from "../model/words";
import { useStore } from "../store";
import { Why } from "./client_cells";
import { Light } from "./parts";
import { For } from "./ticking";
import { Verdict } from "./verdict";

/** The screen stays on where the browser allows that, as long as the page is seen. */
function useScreenLock(): void {
  useEffect(() => {
    let lock: WakeLockSentinel | null = null;
    const ask = (): void => {
      if (!document.hidden)
        navigator.wakeLock
          ?.request("screen")
          .then((held) => {
            lock = held;
          })
          .catch(() => {});
    };
    ask();
    document.addEventListener("visibilitychange", ask);
    return () => {
      document.removeEventListener("visibilitychange", ask);
      lock?.release().catch(() => {});
    };
  }, []);
}

export function Wall() {
  const store = useStore();
  useScreenLock();
  const all = [...store.fleet.clients.values()].map((client) => store.shown(client));
  return (
    <main class="wall" id="main" data-live={store.live ? "yes" : "no"}>
      <h1 class="hidden">Wall display</h1>
      {all.length > 0 || !store.live ? (
        <Verdict all={all} />
      ) : (
        <p class="verdict" data-state="none">
          <strong>No client yet</strong>
        </p>
      )}
      <ul class="wall-tiles">
        {select(all, wholeView).map(({ client, state }) => {
          const current = store.isCurrent(client);
          return (
            <li key={client.client_id} data-state={current ? state : "past"}>
              <Light state={state} current={store.live} />
              <h2>{groupName(client.client_id) ?? client.client_id}</h2>
              <p>
                {current && state === "secure" ? (
                  placeText(client)
                ) : state === "overdue" ? (
                  stateText(state).meaning
                ) : (
                  <Why client={client} />
                )}
              </p>
              <p class="quiet">
                for <For since={client.since} />
              </p>
            </li>
          );
        })}
      </ul>
      <p class="wall-foot">
        <a href={overviewAddress}>Leave the wall display</a>
      </p>
    </main>
  );
}
