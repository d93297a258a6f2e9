// Asks for the whole page at once and again, and takes over what has changed, so that nobody's place in it is lost. Before the first answer,
// and when none comes any more, nothing is claimed. A page that slept, or that Back has brought again, is as old as its last answer.
const period = 30_000;
const patience = 15_000;
const longest = 46_000;
const late = document.getElementById("late");
/** When the last answer came, as long as what it says stands here. */
let heard = null;
let timer = 0;
let round = 0;

// Wall time counts sleep and may be set back, the other one may stand still in sleep: the greater age counts.
const moment = () => ({ wall: Date.now(), steady: performance.now() });
const ageOf = ({ wall, steady }) => Math.max(Date.now() - wall, performance.now() - steady);

function tellTime() {
  const time = document.querySelector("#asked time");
  time.textContent = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

function forget() {
  heard = null;
  late.hidden = false;
  for (const each of document.querySelectorAll("[data-state]")) each.dataset.state = "offline";
  document.getElementById("overall").textContent = "Not known now.";
  for (const state of document.querySelectorAll("#list .state")) state.textContent = "Not known now";
}

/** Asks at once; what was asked before is not waited for any more. */
async function follow() {
  clearTimeout(timer);
  const mine = ++round;
  const begun = moment();
  try {
    const answer = await fetch(`${location.pathname}?whole`, { cache: "no-store", signal: AbortSignal.timeout(patience) });
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (mine !== round) return;
    if (ageOf(begun) > longest) throw new Error("the page slept meanwhile");
    for (const id of ["overall", "list", "asked"]) {
      const [here, there] = [document.getElementById(id), fresh.getElementById(id)];
      if (here.outerHTML !== there.outerHTML) here.replaceWith(document.adoptNode(there));
    }
    tellTime();
    late.hidden = true;
    heard = moment();
  } catch {
    if (mine !== round) return;
    forget();
  }
  timer = setTimeout(follow, period);
}

function check() {
  if (heard === null || ageOf(heard) <= longest) return;
  forget();
  follow();
}

addEventListener("pageshow", (event) => event.persisted && check());
document.addEventListener("visibilitychange", check);
setInterval(check, 1000);
follow();
