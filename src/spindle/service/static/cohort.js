// One cohort: its animals, their groups, its analysis and what that found.
import { ask, attempt, button, element, onClick } from "./api.js";
import { follow, isFinal, progressOf } from "./job.js";

const id = document.getElementById("cohort").dataset.id;
const body = document.querySelector("#rows tbody");
const form = document.getElementById("settings");
let cohort = await ask("GET", `/cohorts/${id}`);
let rows = cohort.rows;
let timer = null;

// Everything is saved a moment after it was changed.
function changed() {
  document.getElementById("saved").textContent = "…";
  clearTimeout(timer);
  timer = setTimeout(() => attempt(save), 500);
}

let saving = Promise.resolve();

// One after the other, so that the last words are those that stay.
function save() {
  clearTimeout(timer);
  timer = null;
  saving = saving.catch(() => {}).then(saveNow);
  return saving;
}

async function saveNow() {
  const wanted = rows.map(({ scoring_id, group, animal, lights_on }) => ({ scoring_id, group, animal, lights_on }));
  cohort = await ask("PATCH", `/cohorts/${id}`, { rows: wanted, settings: settings() });
  document.getElementById("saved").textContent = "Saved.";
}

function settings() {
  const given = {};
  for (const input of form.elements) {
    if (!input.name) continue;
    const value = input.type === "checkbox" ? input.checked : input.value.trim();
    if (input.type === "checkbox" ? value : value !== input.dataset.usual && value !== "") {
      given[input.name] = input.type === "number" ? Number(value) : value;
    }
  }
  return given;
}

function fillSettings() {
  for (const [name, value] of Object.entries(cohort.settings)) {
    const input = form.elements.namedItem(name);
    if (input.type === "checkbox") input.checked = value;
    else input.value = value;
  }
}

function field(row, name, label, more = {}) {
  const input = element("input", { value: row[name], ariaLabel: `${label} of ${row.recording}`, ...more });
  if (name === "group") input.setAttribute("list", "groups");
  input.addEventListener("change", () => {
    row[name] = input.value.trim();
    showGroups();
    changed();
  });
  return element("td", {}, input);
}

function showGroups() {
  const groups = [...new Set(rows.map((row) => row.group).filter(Boolean))];
  document.getElementById("groups").replaceChildren(...groups.map((value) => element("option", { value })));
}

function showRows() {
  body.replaceChildren(...rows.map((row) =>
    element("tr", {},
      element("td", {}, element("a", { href: `/scorings/${row.scoring_id}` }, row.usual_name)),
      field(row, "group", "Group", { placeholder: "control", maxLength: 100 }),
      field(row, "animal", "Name", { placeholder: row.usual_name, maxLength: 100 }),
      field(row, "lights_on", "Lights on", { placeholder: "07:00", className: "short", maxLength: 5 }),
      element("td", {}, button("Remove", () => {
        rows = rows.filter((other) => other !== row);
        showRows();
        changed();
      })))));
  document.getElementById("no-rows").hidden = rows.length > 0;
  showGroups();
  showChoices();
}

const scored = [];

async function loadScored() {
  let cursor = null;
  do {
    const page = await ask("GET", `/recordings?limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
    for (const recording of page.items) {
      const latest = new Map();
      for (const scoring of recording.scorings) if (!latest.has(scoring.animal)) latest.set(scoring.animal, scoring);
      for (const scoring of latest.values()) {
        const stem = recording.name.replace(/\.[^.]*$/, "");
        const name = scoring.animal ? `${stem}_${scoring.animal}` : stem;
        scored.push({ scoring_id: scoring.id, group: "", animal: "", lights_on: "", recording_id: recording.id,
          recording: recording.name, usual_name: name });
      }
    }
    cursor = page.next;
  } while (cursor);
  showChoices();
}

const unused = () => scored.filter((one) => !rows.some((row) => row.scoring_id === one.scoring_id));

function showChoices() {
  const left = unused();
  document.getElementById("add").replaceChildren(
    element("option", { value: "" }, left.length ? "a scored recording …" : "all scored recordings are in"),
    ...left.map((one) => element("option", { value: one.scoring_id }, one.usual_name)));
  document.getElementById("add-all").disabled = !left.length;
}

function add(found) {
  const lights = document.getElementById("all-lights").value.trim();
  rows = [...rows, ...found.map((one) => ({ ...one, lights_on: lights }))];
  showRows();
  changed();
}

document.getElementById("add").addEventListener("change", (event) =>
  add(unused().filter((one) => one.scoring_id === event.target.value)));
onClick("add-all", () => add(unused()));
document.getElementById("all-lights").addEventListener("change", (event) => {
  for (const row of rows) row.lights_on = event.target.value.trim();
  showRows();
  changed();
});
form.addEventListener("change", changed);
form.addEventListener("submit", (event) => event.preventDefault());

const panel = document.getElementById("job");

function tell(job) {
  panel.hidden = job.state === "done";
  panel.querySelector("progress").value = job.share;
  panel.querySelector("progress").hidden = isFinal(job);
  panel.querySelector("p").textContent = progressOf(job);
  panel.querySelector("p").className = job.problem ? "problem" : "hint";
  document.getElementById("analyze").disabled = !isFinal(job);
  document.getElementById("cancel").hidden = isFinal(job);
}

async function watch(job) {
  cohort.job = job;
  tell(job);
  const ended = await follow(job.id, tell);
  if (ended.state === "done") await showResults();
  await showFailures(ended);
}

// What the log says about animals that could not be analysed.
async function showFailures(job) {
  if (job.state !== "done") return;
  const lines = (await ask("GET", `/jobs/${job.id}/log`)).map((line) => line.text);
  panel.hidden = lines.length === 0;
  panel.querySelector("progress").hidden = true;
  panel.querySelector("p").textContent = lines.join(" ");
}

onClick("analyze", async () => {
  await (timer !== null ? save() : saving);
  await watch(await ask("POST", `/cohorts/${id}/analyze`));
});
onClick("cancel", () => ask("POST", `/jobs/${cohort.job.id}/cancel`));
onClick("delete", () => {
  const sure = document.getElementById("sure");
  sure.addEventListener("close", () => attempt(async () => {
    if (sure.returnValue !== "yes") return;
    await ask("DELETE", `/cohorts/${id}`);
    location.assign("/cohorts");
  }), { once: true });
  sure.showModal();
});

async function showResults() {
  const files = await ask("GET", `/cohorts/${id}/files`);
  const address = (path) => `/api/v1/cohorts/${id}/files/${path}`;
  const link = (path, text) => element("a", { href: address(path), download: "" }, text);
  // A new analysis has the same names: the job in the address keeps the browser from showing the old picture.
  const figures = files.filter((file) => file.path.startsWith("figures/") && file.path.endsWith(".svg"));
  document.getElementById("figures").replaceChildren(...figures.map((file) => {
    const stem = file.path.slice(0, -4);
    return element("figure", {},
      element("img", { src: `${address(file.path)}?shown=true&of=${cohort.job?.id ?? ""}`, alt: file.title, loading: "lazy" }),
      element("figcaption", {}, `${file.title}: `, link(file.path, "SVG"), " · ", link(`${stem}.png`, "PNG"), " · ",
        link(`${stem}.csv`, "its data")));
  }));
  document.getElementById("tables").replaceChildren(...files.filter((file) => file.path.startsWith("tables/")).map((file) =>
    element("li", {}, link(file.path, file.title))));
  document.getElementById("results").hidden = files.length === 0;
}

fillSettings();
showRows();
await attempt(loadScored);
if (cohort.results) await attempt(showResults);
document.body.dataset.ready = "true";
if (cohort.job) await attempt(() => (isFinal(cohort.job) ? (tell(cohort.job), showFailures(cohort.job)) : watch(cohort.job)));
