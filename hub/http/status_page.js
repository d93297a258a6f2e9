// Asks for the whole page at once and again, and takes over what has changed, so that nobody's place in it is lost. Before the first answer,
// and when none comes any more, nothing is claimed.
const period = 30_000;
const late = document.getElementById("late");

function tellTime() {
  const time = document.querySelector("#asked time");
  time.textContent = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

function forget() {
  late.hidden = false;
  for (const each of document.querySelectorAll("[data-state]")) each.dataset.state = "offline";
  document.getElementById("overall").textContent = "Not known now.";
  for (const state of document.querySelectorAll("#list .state")) state.textContent = "Not known now";
}

async function follow() {
  try {
    const answer = await fetch(`${location.pathname}?whole`, { cache: "no-store", signal: AbortSignal.timeout(15_000) });
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of ["overall", "list", "asked"]) {
      const [here, there] = [document.getElementById(id), fresh.getElementById(id)];
      if (here.outerHTML !== there.outerHTML) here.replaceWith(document.adoptNode(there));
    }
    tellTime();
    late.hidden = true;
  } catch {
    forget();
  }
  setTimeout(follow, period);
}

follow();
