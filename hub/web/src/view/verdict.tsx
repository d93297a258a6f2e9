// One sentence that says whether anything is wrong.

import type { Shown } from "../model/filter";
import { isGroup, sentence, wrongOf, type Wrong } from "../model/verdict";
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

function Told({ wrong: { state, clients, groups } }: { wrong: Wrong }) {
  return (
    <>
      {clients.length > 0 && (
        <>
          {sentence(state, clients.length, "client")}: <Names shown={clients} />
        </>
      )}
      {clients.length > 0 && groups.length > 0 && "; "}
      {groups.length > 0 && (
        <>
          {sentence(state, groups.length, "group")}: <Names shown={groups} />
        </>
      )}
    </>
  );
}

/** The worst state is the headline; what else is not right follows, worst first. */
export function Verdict({ all }: { all: Shown[] }) {
  const { live } = useStore();
  if (!live)
    return (
      <p class="verdict" data-state="stale">
        <strong>Not live: nobody knows how things stand now.</strong>
      </p>
    );
  const [first, ...rest] = wrongOf(all);
  if (!first) {
    const clients = all.filter((each) => !isGroup(each)).length;
    // A group whose clients are not there is no proof of anything.
    if (clients === 0)
      return (
        <p class="verdict" data-state="none">
          <strong>No client is known</strong>
        </p>
      );
    return (
      <p class="verdict" data-state="secure">
        <span class="sign" aria-hidden="true">
          ✓
        </span>
        <strong>{clients === 1 ? "The client is secure." : `All ${clients} clients are secure.`}</strong>
      </p>
    );
  }
  return (
    <div class="verdict" data-state={first.state}>
      <span class="sign" aria-hidden="true">
        {stateText(first.state).sign}
      </span>
      <p>
        <strong>
          <Told wrong={first} />
        </strong>
        {rest.map((wrong) => (
          <span key={wrong.state} class="more">
            <Told wrong={wrong} />
          </span>
        ))}
      </p>
    </div>
  );
}
