// The list of recordings, with uploads and what is being scored.
import { ask, attempt, button, element, length, moment, onClick, say, size, unlessGone } from "./api.js";
import { isFinal, progressOf, stateOf } from "./job.js";
import { markOf, upload } from "./upload.js";

const body = document.querySelector("#recordings tbody");
const search = document.getElementById("search");
const model = document.getElementById("model");
const more = document.getElementById("more");
const shown = new Map();
let next = null;

const scoreNow = (recording) =>
  ask("POST", `/recordings/${recording.id}/score`, { model: model.value || "starter" });

function cell(label, ...content) {
  const made = element("td", {}, ...content);
  made.dataset.label = label;
  return made;
}

function channelsOf(recording) {
  if (recording.choice_problem) {
    return element("a", { href: `/recordings/${recording.id}`, title: recording.choice_problem }, "choose channels");
  }
  const named = (role) => recording.channels.filter((one) => one.role === role).map((one) => one.name);
  const animals = recording.animals.length > 1 ? `${recording.animals.length} animals: ` : "";
  return `${animals}${[...named("EEG"), ...named("EMG")].join(", ")}`;
}

function scoringOf(recording) {
  const job = recording.job;
  if (job && !isFinal(job)) {
    return [stateOf(job), " ", element("span", { className: "doing" }, progressOf(job)),
      job.state === "running" ? element("progress", { max: 1, value: job.share, ariaLabel: `Scoring ${recording.name}` }) : null];
  }
  const again = button("Score", async () => {
    const made = await scoreNow(recording);
    put({ ...recording, job: made });
    watch();
  });
  again.setAttribute("aria-label", `Score ${recording.name}`);
  if (recording.scorings.length) {
    return recording.scorings.slice(0, 4).flatMap((one) => [
      element("a", { className: "button main", href: `/scorings/${one.id}` }, one.animal ? `Open ${one.animal}` : "Open"), " "])
      .slice(0, recording.animals.length > 1 ? 8 : 2);
  }
  const failed = job && job.state !== "done" ? [stateOf(job), " ", element("span", { className: "doing" }, job.problem ?? ""), " "] : [];
  return [...failed, recording.choice_problem ? null : again];
}

function rowOf(recording) {
  const length_ = cell("Length", length(recording.duration_s));
  const size_ = cell("Size", size(recording.size_bytes));
  const start = cell("Start", moment(recording.started_at));
  start.className = "fixed";
  length_.className = size_.className = "number";
  return element("tr", {},
    cell("Name", element("a", { className: "name", href: `/recordings/${recording.id}` }, recording.name)),
    start, length_, size_,
    cell("Channels", channelsOf(recording)),
    cell("Scoring", ...scoringOf(recording)));
}

function put(recording, atTop = false) {
  const fresh = rowOf(recording);
  const old = shown.get(recording.id)?.row;
  if (old) {
    // The name stays, so that whoever has come to it with the keyboard is not thrown out.
    const focused = old.contains(document.activeElement) && document.activeElement !== old.querySelector("a.name");
    for (const place of [5, 4]) old.children[place].replaceWith(fresh.children[place]);
    if (focused) old.querySelector("a.name").focus();
  } else if (atTop) body.prepend(fresh);
  else body.append(fresh);
  shown.set(recording.id, { recording, row: old ?? fresh });
  told();
}

// Deleted elsewhere while this page looked at it.
function takeOut(id) {
  shown.get(id)?.row.remove();
  shown.delete(id);
  told();
}

function told() {
  document.getElementById("none").hidden = shown.size > 0 || search.value !== "";
  document.getElementById("none-found").hidden = shown.size > 0 || search.value === "";
  more.hidden = next === null;
}

async function page(cursor) {
  const wanted = new URLSearchParams({ limit: "50" });
  if (search.value) wanted.set("search", search.value);
  if (cursor) wanted.set("cursor", cursor);
  return ask("GET", `/recordings?${wanted}`);
}

let asked = 0;

async function show() {
  asked += 1;
  const mine = asked;
  const found = await page(null);
  // An answer that another question has overtaken.
  if (mine !== asked) return;
  shown.clear();
  body.replaceChildren();
  next = found.next;
  for (const recording of found.items) put(recording);
  told();
  watch();
}

onClick("more", async () => {
  const found = await page(next);
  next = found.next;
  for (const recording of found.items) put(recording);
  told();
  watch();
});

let typing = 0;
search.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => attempt(show), 250);
});

// Asks for what runs as long as something does.
let watching = false;

async function watch() {
  if (watching) return;
  watching = true;
  try {
    for (;;) {
      const open = [...shown.values()].filter(({ recording }) => recording.job && !isFinal(recording.job));
      if (!open.length) return;
      await new Promise((resolve) => setTimeout(resolve, 1500));
      if (document.hidden) continue;
      await attempt(() => refresh());
    }
  } finally {
    watching = false;
  }
}

async function refresh() {
  const active = new Map();
  for (const job of (await ask("GET", "/jobs?state=queued&state=running&limit=200")).items) {
    if (job.recording_id && !active.has(job.recording_id)) active.set(job.recording_id, job);
  }
  for (const { recording } of [...shown.values()]) {
    if (!recording.job || isFinal(recording.job)) continue;
    const job = active.get(recording.id);
    if (job) put({ ...recording, job });
    else {
      const fresh = await unlessGone(`/recordings/${recording.id}`);
      if (fresh !== null) put(fresh);
      else takeOut(recording.id);
    }
  }
}

onClick("score-all", async (event) => {
  const pressed = event.currentTarget ?? document.getElementById("score-all");
  pressed.disabled = true;
  try {
    const unclear = [];
    let cursor = null;
    const all = [];
    do {
      const found = await ask("GET", `/recordings?unscored=true&limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
      all.push(...found.items);
      cursor = found.next;
    } while (cursor);
    for (const recording of all) {
      if (recording.choice_problem) unclear.push(recording.name);
      else {
        const job = await scoreNow(recording);
        if (shown.has(recording.id)) put({ ...recording, job });
      }
    }
    watch();
    if (unclear.length) say(`Choose the channels first of ${unclear.join(", ")}.`);
    else if (!all.length) say("Every recording is scored already, or is being scored.");
  } finally {
    pressed.disabled = false;
  }
});

const list = document.getElementById("uploads");
const unfinished = new Map();

const SAID = {
  waiting: "waiting", sending: "", paused: "paused", checking: "checking the file",
  done: "is here", failed: "", cancelled: "cancelled",
};

function add(file) {
  unfinished.get(markOf(file))?.remove();
  const line = element("li", {});
  const bar = element("progress", { max: file.size || 1, value: 0, ariaLabel: `Upload of ${file.name}` });
  const said = element("span", { className: "said" });
  const buttons = element("span", { className: "row" });
  line.append(element("span", { className: "name" }, file.name), said, buttons, bar);
  list.append(line);
  let state = null;
  upload(file, (one) => {
    bar.value = one.sent;
    const share = `${Math.floor((100 * one.sent) / (file.size || 1))} % of ${size(file.size)}`;
    said.textContent = [one.state === "sending" || one.state === "paused" ? share : "", SAID[one.state], one.problem ?? ""]
      .filter(Boolean).join(", ");
    if (state === one.state) return;
    state = one.state;
    line.dataset.state = state;
    bar.hidden = one.isOver;
    const named = (text, work) => {
      const made = button(text, work);
      made.setAttribute("aria-label", `${text}: ${file.name}`);
      return made;
    };
    buttons.replaceChildren(...[
      state === "sending" ? named("Pause", () => one.pause()) : null,
      state === "paused" ? named("Go on", () => one.go()) : null,
      one.isOver || state === "checking" ? named("Close", () => line.remove()) : named("Cancel", () => one.cancel()),
    ].filter((made) => made && !(state === "checking")));
    if (state === "cancelled") line.remove();
    if (state === "done") {
      attempt(async () => {
        put(await ask("GET", `/recordings/${one.recording}`), true);
        line.remove();
      });
    }
  });
}

async function showUnfinished() {
  for (const one of await ask("GET", "/uploads")) {
    const line = element("li", {},
      element("span", { className: "name" }, one.name),
      element("span", { className: "said" }, `${Math.floor((100 * one.offset) / one.length)} % of ${size(one.length)} is here; choose the same file again to go on`),
      button("Discard", async () => {
        await ask("DELETE", `/uploads/${one.id}`, undefined, { "Tus-Resumable": "1.0.0" });
        line.remove();
      }));
    unfinished.set(one.mark, line);
    list.append(line);
  }
}

const input = document.getElementById("files");
onClick("choose", () => input.click());
input.addEventListener("change", () => {
  for (const file of input.files) add(file);
  input.value = "";
});

const drop = document.getElementById("drop");
for (const event of ["dragenter", "dragover"]) {
  document.addEventListener(event, (moved) => {
    if (![...(moved.dataTransfer?.types ?? [])].includes("Files")) return;
    moved.preventDefault();
    drop.classList.add("over");
  });
}
document.addEventListener("dragleave", (moved) => {
  if (!moved.relatedTarget) drop.classList.remove("over");
});
document.addEventListener("drop", (dropped) => {
  drop.classList.remove("over");
  if (!dropped.dataTransfer?.files.length) return;
  dropped.preventDefault();
  for (const file of dropped.dataTransfer.files) add(file);
});

async function showModels() {
  const models = await ask("GET", "/models");
  model.replaceChildren(...models.map((one) => element("option", { value: one.id }, one.name)));
}

await attempt(show);
document.body.dataset.ready = "true";
await attempt(showUnfinished);
await attempt(showModels);
