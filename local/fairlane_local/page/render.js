"use strict";
// Texts of jobs, queues and logs are untrusted: they become text nodes, never HTML.

const $ = (id) => document.getElementById(id);

function element(tag, properties = {}, ...children) {
  const { class: name, scope, ...others } = properties;
  const made = Object.assign(document.createElement(tag), others);
  if (name) made.className = name;
  if (scope) made.setAttribute("scope", scope);
  made.append(...children);
  return made;
}

function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

// Makes the children of a parent equal to a list, and keeps the elements of items that stay, with their focus.
function sync(parent, items, key, create, update) {
  const keys = new Set(items.map(key));
  for (const child of [...parent.children]) if (!keys.has(child.dataset.key)) child.remove();
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let position = parent.firstElementChild;
  for (const item of items) {
    const found = old.get(key(item)) ?? create(item);
    found.dataset.key = key(item);
    update(found, item);
    if (found === position) position = position.nextElementSibling;
    else parent.insertBefore(found, position);
  }
}

function options(select, choices) {
  const chosen = select.value;
  sync(select, choices, ([value]) => `=${value}`, () => element("option"), (option, [value, label]) => {
    option.value = value;
    setText(option, label);
  });
  if (choices.some(([value]) => value === chosen)) select.value = chosen;
}

const number = (value) => (value === undefined ? "" : value.toLocaleString("en", { maximumFractionDigits: 1 }));
const iso = (milliseconds) => new Date(milliseconds).toISOString();
const timeOf = (milliseconds) => (milliseconds ? iso(milliseconds).slice(11, 19) : "");

function jobButton(job) {
  return element("button", { type: "button", class: "link", onclick: () => openJob(job.id) }, job.name);
}

function status(text) {
  return element("span", { class: `status ${text}` }, text);
}

// Queues

const COLUMNS = [["Use", "use"], ["Entitlement", "entitlement"], ["Ceiling", "ceiling"], ["Borrows", "borrowed"],
  ["Lends", "lent"], ["Running", "running"], ["Waiting", "waiting"]];

function newQueue() {
  const heads = COLUMNS.map(([title]) => element("th", { scope: "col", class: title === "Entitlement" ? "number wide" : "number" }, title));
  const head = element("tr", {}, element("th", { scope: "col" }, "Share"), element("th", { scope: "col" }, "Capacity"), ...heads);
  const front = element("p", { class: "front" }, "Next:", element("ol"));
  return element("article", { class: "queue" },
    element("div", { class: "heading" }, element("h3"), element("p", { class: "about" })),
    element("table", {}, element("thead", {}, head), element("tbody")), front);
}

function showQueue(card, queue) {
  setText(card.querySelector("h3"), queue.name);
  card.querySelector("table").ariaLabel = `Shares of ${queue.name}`;
  const use = queue.capacity.map(({ unit, use, limit }) => `${number(use)} of ${number(limit)} ${unit}`).join(", ");
  const draining = queue.state === "ENABLED" ? "" : " · draining";
  setText(card.querySelector(".about"), `${queue.policy}${draining} · ${use} in use · ${queue.running} running · ${queue.waiting} waiting`);
  const units = new Set(queue.shares.map(({ unit }) => unit));
  const rows = queue.shares.map((row) => ({ ...row, label: units.size > 1 ? `${row.share} ${row.unit}` : row.share }));
  sync(card.querySelector("tbody"), rows, (row) => row.label, newShare, (line, row) => showShare(line, row, rows));
  const front = card.querySelector(".front");
  front.hidden = !queue.front.length;
  sync(front.querySelector("ol"), queue.front, (job) => job.id, (job) => element("li", {}, jobButton(job)), () => {});
}

function newShare() {
  const bar = element("div", { class: "bar", ariaHidden: "true" },
    ...["track", "own", "lent", "borrowed", "entitlement"].map((name) => element("i", { class: name })));
  return element("tr", {}, element("th", { scope: "row" }), element("td", {}, bar), ...COLUMNS.map(() => element("td", { class: "number" })));
}

function showShare(line, row, rows) {
  setText(line.cells[0], row.label);
  line.cells[0].title = row.lending ?? "";
  const scale = Math.max(1, ...rows.filter(({ unit }) => unit === row.unit).flatMap(({ ceiling = 0, use }) => [ceiling, use]));
  const entitled = row.entitlement ?? (row.borrowed ? 0 : row.ceiling ?? 0);
  const place = (name, from, to) => {
    const part = line.querySelector(`.${name}`);
    part.style.left = `${(100 * from) / scale}%`;
    part.style.width = `${(100 * Math.max(0, to - from)) / scale}%`;
  };
  place("track", 0, Math.max(row.ceiling ?? 0, row.use));
  place("own", 0, Math.min(row.use, entitled));
  place("lent", entitled - (row.lent ?? 0), entitled);
  place("borrowed", entitled, Math.max(entitled, row.use));
  const mark = line.querySelector(".entitlement");
  mark.hidden = row.entitlement === undefined;
  mark.style.left = `${(100 * entitled) / scale}%`;
  COLUMNS.forEach(([, name], index) => {
    setText(line.cells[index + 2], number(row[name]));
    line.cells[index + 2].classList.toggle("none", !row[name]);
  });
}

// Preemptions, alarms and dashboards

function showPreemptions(preemptions) {
  $("no-preemptions").hidden = preemptions.length > 0;
  const create = ({ time, queue, job, by }) => element("li", {},
    element("span", { class: "when" }, timeOf(time)),
    element("span", {}, jobButton(job), ` of ${job.share} for `, jobButton(by), ` of ${by.share}`),
    element("span", { class: "why" }));
  sync($("preemptions"), preemptions, ({ time, job }) => `${time} ${job.id}`, create, (item, { queue, job, by, is_stopping: stopping }) => {
    const cause = job.share === by.share ? "higher priority" : "takes back lent capacity";
    setText(item.lastElementChild, `${queue} · ${cause}${stopping ? " · stopping" : ""}`);
  });
}

const ALARM_STATES = { ALARM: "In alarm", INSUFFICIENT_DATA: "No data", OK: "OK", "": "Not evaluated" };

function showAlarms(alarms) {
  const count = (state) => alarms.filter((alarm) => alarm.state === state).length;
  const counts = Object.entries(ALARM_STATES).map(([state, words]) => [count(state), words]).filter(([found]) => found);
  setText($("alarm-counts"), counts.map(([found, words]) => `${found} ${words.toLowerCase().replace("ok", "OK")}`).join(" · ") || "No alarm is deployed.");
  const show = (item, alarm) => {
    item.className = `alarm ${alarm.state}`;
    item.title = alarm.reason;
    setText(item.children[0], ALARM_STATES[alarm.state]);
    setText(item.children[1], alarm.name);
  };
  const create = () => element("li", {}, element("span", { class: "state" }), element("span", { class: "name" }));
  const others = alarms.filter(({ state }) => state !== "ALARM");
  sync($("alarms"), alarms.filter(({ state }) => state === "ALARM"), ({ name }) => name, create, show);
  $("quiet-alarms").hidden = !others.length;
  sync($("other-alarms"), others, ({ name }) => name, create, show);
}

function showDashboards(dashboards) {
  $("no-dashboards").hidden = dashboards.length > 0;
  const create = ({ name, path }) => element("li", {}, element("a", { href: path, target: "_blank", rel: "noreferrer" }, name));
  sync($("dashboards"), dashboards, ({ name }) => name, create, () => {});
}

// Jobs

function newJob(job) {
  return element("tr", {}, element("th", { scope: "row" }, jobButton(job)),
    ...["", "", "number", "number", "number", ""].map((name) => element("td", { class: name })));
}

function showJob(line, job) {
  const cells = [...line.cells];
  setText(cells[1], job.share);
  if (cells[2].textContent !== job.status) cells[2].replaceChildren(status(job.status));
  setText(cells[3], job.priority === null ? "" : String(job.priority));
  setText(cells[4], number(job.size));
  setText(cells[5], job.waited);
  setText(cells[6], job.reason);
}

function showJobs({ rows, total, shares }) {
  options($("filters").elements.share, [["", "all"], ...shares.map((share) => [share, share])]);
  sync($("jobs"), rows, (job) => job.id, newJob, showJob);
  const words = total === 1 ? "job" : "jobs";
  setText($("job-count"), total > rows.length ? `The newest ${rows.length} of ${number(total)} ${words}` : `${number(total)} ${words}`);
}

function result({ result: words, exit_code: code, stopped }) {
  return stopped && code !== null ? `${words}, exit code ${code}` : words;
}

function showDetails(job) {
  setText($("job-title"), job.name);
  const facts = [["Status", job.status], ["Queue", job.queue], ["Share", job.share || "none"], ["Size", number(job.size)],
    ["Priority", job.priority === null ? "none" : String(job.priority)], ["Submitted", iso(job.created).slice(0, 19).replace("T", " ")],
    ["Waited", job.waited], ["Ended", timeOf(job.stopped) || "not yet"], ["Reason", job.reason || "none"]];
  sync($("job-facts"), facts, ([name]) => name, ([name]) => element("div", {}, element("dt", {}, name), element("dd")),
    (item, [, value]) => setText(item.lastElementChild, value));
  const attempts = job.attempts.map((attempt, index) => ({ ...attempt, number: String(index + 1) })).reverse();
  sync($("attempts"), attempts, ({ number }) => number,
    () => element("tr", {}, element("th", { scope: "row" }), ...[1, 2, 3, 4, 5].map(() => element("td"))),
    (line, attempt) => [attempt.number, result(attempt), timeOf(attempt.scheduled), timeOf(attempt.started), timeOf(attempt.stopped),
      attempt.reason].forEach((text, index) => setText(line.cells[index], text)));
  const isDistributed = new Set(job.log.map(({ host }) => host)).size > 1;
  const lines = job.log.map(({ time, host, text }) => `${timeOf(time)} ${isDistributed ? `${host} ` : ""}${text}`);
  const log = $("log");
  const isAtEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
  setText(log, lines.join("\n") || "No lines yet.");
  if (isAtEnd) log.scrollTop = log.scrollHeight;
}
