// Asks for the page again and takes over what has changed, so that nobody's place in it is lost; says so when no answer comes.
const period = 30_000;
const late = document.getElementById("late");

function tellTime() {
  const time = document.querySelector("time");
  time.textContent = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

async function follow() {
  try {
    const answer = await fetch(location.pathname, { cache: "no-store", signal: AbortSignal.timeout(15_000) });
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of ["overall", "list", "asked"]) {
      const [here, there] = [document.getElementById(id), fresh.getElementById(id)];
      if (here.outerHTML !== there.outerHTML) here.replaceWith(document.adoptNode(there));
    }
    tellTime();
    late.hidden = true;
  } catch {
    late.hidden = false;
    document.getElementById("overall").dataset.state = "offline";
  }
  setTimeout(follow, period);
}

tellTime();
setTimeout(follow, period);
