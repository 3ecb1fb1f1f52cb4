// One recording: its channels, labels, jobs and scorings.
import { ask, attempt, button, element, length, moment, onClick, onSubmit, say, size } from "./api.js";
import { JobCard, watchCards } from "./job_card.js";

const id = document.getElementById("recording").dataset.id;
const place = `/recordings/${id}`;
const save = document.getElementById("save-channels");
let recording = null;

function roleOf(channel) {
  const chosen = element("select", { ariaLabel: `${channel.name} is scored as` },
    ...["", "EEG", "EMG"].map((role) => element("option", { value: role }, role || "–")));
  chosen.value = channel.role ?? "";
  chosen.addEventListener("change", () => {
    save.disabled = false;
  });
  return chosen;
}

function showChannels() {
  const rows = recording.channels.map((channel) => {
    const row = element("tr", {},
      element("td", {}, channel.name),
      element("td", { className: "number" }, `${channel.rate_hz.toLocaleString(undefined, { maximumFractionDigits: 2 })} Hz`),
      element("td", {}, channel.unit === "uV" ? "µV" : channel.unit),
      element("td", {}, roleOf(channel)));
    row.dataset.name = channel.name;
    return row;
  });
  document.querySelector("#channels tbody").replaceChildren(...rows);
  save.disabled = true;
  document.getElementById("guess-channels").hidden = !recording.eeg.length && recording.emg === null;
  const problem = document.getElementById("choice-problem");
  problem.hidden = !recording.choice_problem;
  problem.textContent = recording.choice_problem
    ? `Choose one or two EEGs and an EMG. By the labels alone it is not clear: ${recording.choice_problem}` : "";
  document.querySelector("#score [type=submit]").disabled = Boolean(recording.choice_problem);
}

function show() {
  document.getElementById("name").textContent = recording.name;
  document.getElementById("facts").replaceChildren(
    ...[["Start", moment(recording.started_at)], ["Length", length(recording.duration_s)], ["Size", size(recording.size_bytes)],
      ["Added", moment(recording.created_at)]]
      .map(([name, text]) => element("span", {}, element("small", {}, `${name} `), text)));
  document.getElementById("notes").replaceChildren(...recording.notes.map((note) => element("li", {}, note)));
  showChannels();
  document.getElementById("scorings").replaceChildren(...recording.scorings.map((one) =>
    element("li", {},
      element("a", { className: "button main", href: `/scorings/${one.id}` }, one.animal ? `Open ${one.animal}` : "Open"),
      element("span", {}, one.model_name), element("span", { className: "hint" }, moment(one.created_at)))));
  document.getElementById("no-scoring").hidden = recording.scorings.length > 0;
}

async function load() {
  recording = await ask("GET", place);
  show();
}

async function change(wanted) {
  recording = await ask("PATCH", place, wanted);
  show();
}

onClick("save-channels", async () => {
  const chosen = (role) => [...document.querySelectorAll("#channels tbody tr")]
    .filter((row) => row.querySelector("select").value === role).map((row) => row.dataset.name);
  const [eeg, emg] = [chosen("EEG"), chosen("EMG")];
  if (!eeg.length || eeg.length > 2 || emg.length !== 1) {
    say(`Choose one or two EEGs and one EMG; now there are ${eeg.length} and ${emg.length}.`);
    return;
  }
  await change({ eeg, emg: emg[0] });
});
onClick("guess-channels", () => change({ eeg: [], emg: null }));

const cards = new Map();
const list = document.getElementById("jobs");
let watching = false;

function addJob(job, atTop) {
  const card = new JobCard(job);
  cards.set(job.id, card);
  if (atTop) list.prepend(card.element);
  else list.append(card.element);
  document.getElementById("jobs-section").hidden = false;
}

async function watch() {
  if (watching) return;
  watching = true;
  await watchCards(cards, async () => {
    const fresh = await ask("GET", place);
    // What somebody is choosing just now stays as it is.
    const choosing = !save.disabled;
    recording = choosing ? { ...recording, scorings: fresh.scorings } : fresh;
    if (!choosing) show();
  });
  watching = false;
}

async function showJobs() {
  const page = await ask("GET", `/jobs?recording=${id}&limit=20`);
  for (const job of page.items) addJob(job, false);
  watch();
}

onSubmit("score", async (fields) => {
  addJob(await ask("POST", `${place}/score`, {
    model: fields.model || "starter", artifact_threshold: Number(fields.artifact_threshold),
  }), true);
  watch();
});

async function showModels() {
  const models = await ask("GET", "/models");
  document.querySelector("#score [name=model]").replaceChildren(
    ...models.map((one) => element("option", { value: one.id }, one.name)));
}

async function showLabels() {
  const labels = await ask("GET", `${place}/labels`);
  document.getElementById("labels").replaceChildren(...labels.map((one) =>
    element("li", {},
      element("a", { href: `/api/v1/labels/${one.id}/file` }, one.name),
      element("span", { className: "hint" }, `${one.epochs.toLocaleString()} epochs`),
      button("Remove", async () => {
        await ask("DELETE", `/labels/${one.id}`);
        await showLabels();
      }))));
}

onSubmit("add-labels", async (fields, form) => {
  await ask("PUT", `${place}/labels?name=${encodeURIComponent(fields.file.name)}`, fields.file);
  form.reset();
  await showLabels();
});

const dialog = (name) => document.getElementById(`${name}-dialog`);
for (const one of document.querySelectorAll("[data-close]")) {
  one.addEventListener("click", () => one.closest("dialog").close());
}
onClick("rename", () => {
  document.querySelector("#rename-form [name=name]").value = recording.name;
  dialog("rename").showModal();
});
onSubmit("rename-form", async (fields) => {
  dialog("rename").close();
  await change({ name: fields.name });
});
onClick("delete", () => dialog("delete").showModal());
onClick("delete-now", async () => {
  dialog("delete").close();
  await ask("DELETE", place);
  location.assign("/");
});

await attempt(async () => {
  await load();
  await showLabels();
  await showJobs();
});
document.body.dataset.ready = "true";
await attempt(showModels);
