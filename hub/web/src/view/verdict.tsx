// One sentence that says whether anything is wrong.

import type { Shown } from "../model/filter";
import { stateText } from "../model/words";
import { useStore } from "../store";
import { Name } from "./parts";

const named = 4;

function Names({ shown }: { shown: Shown[] }) {
  return (
    <>
      {shown.slice(0, named).map(({ client }, place) => (
        <span key={client.client_id}>
          {place > 0 && ", "}
          <Name id={client.client_id} />
        </span>
      ))}
      {shown.length > named && ` and ${shown.length - named} more`}
    </>
  );
}

const sentences: Record<string, (count: number) => string> = {
  danger: (count) => `${count === 1 ? "1 client is" : `${count} clients are`} exposed`,
  warning: (count) => `${count === 1 ? "1 client has" : `${count} clients have`} a warning`,
  contained: (count) => `${count === 1 ? "1 client has" : `${count} clients have`} no tunnel, and nothing leaves`,
  offline: (count) => `${count === 1 ? "1 client is" : `${count} clients are`} silent`,
};

/** The worst state is the headline; what else is not right follows, worst first. */
export function Verdict({ all }: { all: Shown[] }) {
  const { live } = useStore();
  if (!live)
    return (
      <p class="verdict" data-state="stale">
        <strong>Not live: nobody knows how things stand now.</strong>
      </p>
    );
  const order = ["danger", "contained", "warning", "offline"];
  const kindOf = (state: string): string => (state === "overdue" ? "offline" : state);
  const wrong = order
    .map((state) => ({ state, shown: all.filter((each) => kindOf(each.state) === state) }))
    .filter(({ shown }) => shown.length > 0);
  const other = all.filter((each) => kindOf(each.state) !== "secure" && !order.includes(kindOf(each.state)));
  if (other.length > 0) wrong.unshift({ state: other[0]!.state, shown: other });
  if (wrong.length === 0) {
    return (
      <p class="verdict" data-state="secure">
        <span class="sign" aria-hidden="true">
          ✓
        </span>
        <strong>{all.length === 1 ? "The client is secure." : `All ${all.length} clients are secure.`}</strong>
      </p>
    );
  }
  const [first, ...rest] = wrong;
  return (
    <div class="verdict" data-state={first!.state}>
      <span class="sign" aria-hidden="true">
        {stateText(first!.state).sign}
      </span>
      <p>
        <strong>
          {(sentences[first!.state] ?? ((count: number) => `${count}: ${stateText(first!.state).word}`))(first!.shown.length)}:{" "}
          <Names shown={first!.shown} />
        </strong>
        {rest.map(({ state, shown }) => (
          <span key={state} class="more">
            {sentences[state]!(shown.length)}: <Names shown={shown} />
          </span>
        ))}
      </p>
    </div>
  );
}
