// The key stays in this tab: it came behind the # of the URL, which no server receives.
if (location.hash.length > 1) {
  sessionStorage.setItem("key", location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
}
const headers = { "X-Fairlane-Page-Key": sessionStorage.getItem("key") ?? "" };
const chosen = { location: "", job: "" };
const filters = $("filters").elements;
let polls = 0;

class PageError extends Error {}

async function fetchJson(path, request = {}) {
  let response, body;
  try {
    response = await fetch(path, { headers, cache: "no-store", ...request });
    body = await response.json();
  } catch {
    throw new PageError("The local AWS does not respond. To start it, run fairlane local start.");
  }
  if (response.status === 403) throw new PageError("This tab has no key of the local AWS that runs now. Run fairlane local start, and open the URL that it prints.");
  if (!response.ok) throw new PageError(body.error);
  return body;
}

function query() {
  const [account, region] = chosen.location.split(" ");
  const { queue, status: state, share } = filters;
  const members = { account, region, queue: queue.value, status: state.value, share: share.value, job: chosen.job };
  return new URLSearchParams(Object.entries(members).filter(([, value]) => value));
}

function showClock({ now, speed, is_paused: isPaused, is_fixed: isFixed }) {
  setText($("now"), timeOf(now));
  $("now").dateTime = iso(now);
  setText($("date"), `${iso(now).slice(0, 10)} UTC`);
  const pace = speed === null ? "manual clock" : speed === 1 ? "real time" : `${number(speed)} × real time`;
  setText($("kind"), isPaused ? `paused, ${pace}` : pace);
  setText($("pause"), isPaused ? "Go on" : "Pause");
  $("pause").hidden = speed === null || isFixed;
  $("advance").hidden = speed !== null && !isPaused;
}

function show(state) {
  const { locations, location: place, queues } = state;
  showClock(state.clock);
  $("locations").hidden = locations.length < 2;
  options($("location"), locations.map(({ account, region }) => [`${account} ${region}`, `${account} ${region}`]));
  $("location").value = `${place.account} ${place.region}`;
  sync($("queues"), queues, (queue) => queue.arn, newQueue, showQueue);
  $("no-queues").hidden = queues.length > 0;
  options(filters.queue, queues.map(({ arn, name }) => [arn, name]));
  showPreemptions(state.preemptions);
  showAlarms(state.alarms);
  showDashboards(state.dashboards);
  if (state.jobs && state.jobs.queue === filters.queue.value) showJobs(state.jobs);
  if (state.job && state.job.id === chosen.job) {
    showDetails(state.job);
    if (!$("job").open) $("job").showModal();
  }
}

// Answers to a poll that is not the newest are ignored: the user has chosen something else since.
async function poll() {
  const own = ++polls;
  try {
    const state = await fetchJson(`state?${query()}`);
    if (own !== polls) return;
    const isFirst = !filters.queue.value;
    show(state);
    setText($("status"), "");
    document.documentElement.dataset.polls = String(own);
    if (isFirst && filters.queue.value) poll();
  } catch (error) {
    if (own === polls) report(error);
  } finally {
    setTimeout(() => own === polls && poll(), 1000);
  }
}

function report(error) {
  if (!(error instanceof PageError)) throw error;
  setText($("status"), error.message);
  Object.assign(chosen, { location: "", job: "" });
  filters.queue.replaceChildren(); // the queue may be deleted
}

async function control(action, members = {}) {
  const buttons = document.querySelectorAll(".clock button");
  for (const button of buttons) button.disabled = true;
  try {
    await fetchJson("clock", { method: "POST", body: JSON.stringify({ action, ...members }) });
    await poll();
  } catch (error) {
    report(error);
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

function openJob(id) {
  chosen.job = id;
  poll();
}

$("pause").onclick = () => control($("pause").textContent === "Pause" ? "pause" : "resume");
for (const button of document.querySelectorAll("[data-seconds]")) {
  button.onclick = () => control("advance", { seconds: Number(button.dataset.seconds) });
}
$("location").onchange = () => {
  chosen.location = $("location").value;
  filters.queue.replaceChildren();
  poll();
};
filters.queue.onchange = () => { filters.share.value = ""; poll(); };
filters.status.onchange = poll;
filters.share.onchange = poll;
$("filters").onsubmit = (event) => event.preventDefault();
$("close").onclick = () => $("job").close();
$("job").onclose = () => { chosen.job = ""; };
poll();
