// The page of a scoring: what is in view, what is selected, and what keys, buttons and the slider do with it.
import { ask, attempt, element, onClick, say } from "./api.js";
import { Chart } from "./scoring-chart.js";
import { Corrections } from "./scoring-corrections.js";
import { fetchView, LABELS, Scored, STATES } from "./scoring-data.js";
import { listen } from "./scoring-gestures.js";

const MOST_COLUMNS = 4000;
const FINEST_S = 1 / 32;
const WAIT_MS = 120;
const THRESHOLD_WAIT_MS = 500;
const root = document.getElementById("scoring");
const { id } = root.dataset;
const byId = (name) => document.getElementById(name);

let scored = null;
let chart = null;
let corrections = null;
let range = [0, 0];
let selection = null;
let sent = { first: 0, last: 0, columns: 0 };
let frame = 0;
let timer = 0;
let asking = null;

const bokeh = new Promise((resolve, reject) => {
  const script = byId("bokeh-api");
  if (globalThis.Bokeh?.Plotting) resolve();
  script.addEventListener("load", resolve);
  script.addEventListener("error", () => reject(new Error("Bokeh's script did not load.")));
});

const epochAt = (seconds) => Math.min(Math.max(Math.floor(seconds / scored.epochS), 0), scored.epochs - 1);

function move(from, to) {
  const width = Math.min(Math.max(to - from, scored.epochS), scored.durationS);
  const middle = (from + to) / 2;
  const start = Math.min(Math.max(middle - width / 2, 0), scored.durationS - width);
  range = [start, start + width];
  frame ||= requestAnimationFrame(draw);
}

function zoom(factor) {
  const [from, to] = range;
  const inView = selection !== null && (selection.last + 1) * scored.epochS > from && selection.first * scored.epochS < to;
  const at = inView ? ((selection.first + selection.last + 1) / 2) * scored.epochS : (from + to) / 2;
  move(at - (at - from) * factor, at + (to - at) * factor);
}

// A length of time around the selection, or around the middle.
function show(seconds) {
  const middle = selection === null
    ? (range[0] + range[1]) / 2 : ((selection.first + selection.last + 1) / 2) * scored.epochS;
  move(middle - seconds / 2, middle + seconds / 2);
}

function draw() {
  frame = 0;
  const [from, to] = range;
  chart.setRange(from, to);
  chart.mark(selection);
  const [first, last] = [epochAt(from), epochAt(to - 1e-6)];
  const count = last + 1 - first;
  const size = Math.max(Math.ceil(count / chart.width), 1);
  const { drawn } = chart;
  if (size !== drawn.size || first < drawn.first || last > drawn.last) {
    chart.drawEpochs(Math.max(first - count, 0), Math.min(last + count, scored.epochs - 1), size);
  }
  showSpan();
  clearTimeout(timer);
  if (!isFine(first, last, to - from)) timer = setTimeout(() => attempt(refine), WAIT_MS);
}

function isFine(first, last, seconds) {
  const column = Math.max(((sent.last + 1 - sent.first) * scored.epochS) / sent.columns, FINEST_S);
  return first >= sent.first && last <= sent.last && column <= Math.max((1.5 * seconds) / chart.width, FINEST_S);
}

// Asks for what is in view, and as much on both sides, so that moving on shows something at once.
async function refine() {
  asking?.abort();
  const own = new AbortController();
  asking = own;
  const [first, last] = [epochAt(range[0]), epochAt(range[1] - 1e-6)];
  const count = last + 1 - first;
  const wanted = { first: Math.max(first - count, 0), last: Math.min(last + count, scored.epochs - 1) };
  const parts = (wanted.last + 1 - wanted.first) / count;
  wanted.columns = Math.min(Math.round(chart.width * parts), MOST_COLUMNS);
  try {
    const answer = await fetchView(id, wanted, own.signal);
    sent = wanted;
    chart.setData(answer);
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  }
  if (asking === own) asking = null;
}

function select(first, last) {
  selection = { first: Math.max(first, 0), last: Math.min(last, scored.epochs - 1) };
  chart.mark(selection);
  showSelected();
}

function step(by) {
  const from = selection === null ? epochAt((range[0] + range[1]) / 2) : (by < 0 ? selection.first : selection.last);
  const epoch = Math.min(Math.max(selection === null ? from : from + by, 0), scored.epochs - 1);
  select(epoch, epoch);
  const [start, stop] = [epoch * scored.epochS, (epoch + 1) * scored.epochS];
  const width = range[1] - range[0];
  if (start < range[0] || stop > range[1]) move(start - width / 2, start + width / 2);
}

function setStage(stage) {
  if (selection !== null) corrections.correct({ ...selection, stage });
}

function toggleArtifact() {
  if (selection !== null) corrections.correct({ ...selection, artifact: !scored.isArtifact(selection.first) });
}

const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;
const count = (number, word = "epoch") => `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;

function inWords(seconds) {
  if (seconds < 60) return `${Number(seconds.toFixed(1))} s`;
  const whole = Math.round(seconds);
  const parts = [[Math.floor(whole / 3600), "h"], [Math.floor(whole / 60) % 60, "min"], [whole % 60, "s"]];
  return parts.filter(([number]) => number).map(([number, unit]) => `${number} ${unit}`).join(" ");
}

function showSpan() {
  const [from, to] = range;
  byId("span").textContent = `${scored.clock(from)} – ${scored.clock(to)}, ${inWords(to - from)}`;
}

function showSelected() {
  const place = byId("selected");
  const bars = byId("bars");
  for (const name of ["wake", "nrem", "rem", "artifact"]) byId(`set-${name}`).disabled = selection === null;
  if (selection === null) {
    place.textContent = "No epoch is selected. Click one, or drag over the hypnogram.";
    bars.replaceChildren();
    return;
  }
  const { first, last } = selection;
  const total = last + 1 - first;
  const states = new Set();
  let corrected = 0;
  let artifacts = 0;
  const sums = [0, 0, 0, 0];
  for (let i = first; i <= last; i += 1) {
    states.add(LABELS[scored.stateOf(i)]);
    corrected += scored.isCorrected(i);
    artifacts += scored.isArtifact(i);
    STATES.forEach((_, state) => { sums[state] += scored.probability(state, i); });
    sums[3] += scored.artifactProbability[i];
  }
  const which = total === 1 ? `Epoch ${first.toLocaleString("en")}` : `Epochs ${first.toLocaleString("en")} to ${last.toLocaleString("en")}`;
  const words = [
    `${which}, ${scored.clock(first * scored.epochS)}, ${inWords(total * scored.epochS)}: ${[...states].join(", ")}`,
    artifacts ? (total === 1 ? "artifact" : count(artifacts, "artifact")) : null,
    corrected ? (total === 1 ? `corrected, was ${scored.wasIn(first)}` : `${corrected} corrected`) : null,
  ];
  place.textContent = `${words.filter(Boolean).join("; ")}.`;
  bars.replaceChildren(...["wake", "nrem", "rem", "artifact"].flatMap((name, i) => [
    element("dt", {}, LABELS[name] ?? "Artifact"),
    element("dd", {}, element("meter", { className: name, value: sums[i] / total, max: 1 }), ` ${percent(sums[i] / total)}`),
  ]));
}

function showSummary() {
  const { epochs, scored: known, artifacts, corrected, unscored } = scored.summary();
  const row = (className, label, number, share) => element("tr", {},
    element("td", {}, element("span", { className: `key ${className}` }), label),
    element("td", { className: "number" }, ((number * scored.epochS) / 3600).toFixed(2)),
    element("td", { className: "number" }, share === null ? "" : percent(share)));
  const of = (number) => (known ? number / known : 0);
  byId("summary").replaceChildren(
    ...STATES.map((state, i) => row(state, LABELS[state], epochs[i], of(epochs[i]))),
    row("artifact", "Artifact", artifacts, of(artifacts)),
    ...(unscored ? [row("unscored", "Unscored", unscored, null)] : []),
  );
  byId("corrected").textContent = corrected ? `${count(corrected)} corrected.` : "Nothing is corrected.";
  byId("undo").disabled = !corrections.canUndo;
  byId("redo").disabled = !corrections.canRedo;
}

function showDownloads() {
  const version = byId("version").value;
  for (const link of document.querySelectorAll("#downloads a")) {
    const query = new URLSearchParams({ version, threshold: scored.threshold });
    link.href = `/api/v1/scorings/${id}/files/${link.dataset.kind}?${query}`;
  }
}

function changed() {
  chart.redrawEpochs();
  showSummary();
  showSelected();
}

let thresholdTimer = 0;

async function keepThreshold() {
  clearTimeout(thresholdTimer);
  thresholdTimer = 0;
  await ask("PATCH", `/scorings/${id}`, { artifact_threshold: scored.threshold });
}

function setThreshold(value, from) {
  if (!(value > 0 && value < 1)) return;
  scored.threshold = value;
  for (const input of [byId("threshold"), byId("threshold-number")]) if (input !== from) input.value = value;
  changed();
  showDownloads();
  clearTimeout(thresholdTimer);
  thresholdTimer = setTimeout(() => attempt(keepThreshold), THRESHOLD_WAIT_MS);
}

const KEYS = {
  "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), 0: () => move(0, scored.durationS),
  ArrowUp: () => chart.magnify(1.25), ArrowDown: () => chart.magnify(0.8),
  w: () => setStage("wake"), n: () => setStage("nrem"), r: () => setStage("rem"), a: toggleArtifact,
  "?": () => byId("keys").showModal(),
  Escape: () => { selection = null; chart.mark(null); showSelected(); },
};

function onKey(event) {
  const typing = event.target.closest?.("input, select, textarea, dialog");
  if (typing && !(event.target.type === "range" && !event.key.startsWith("Arrow"))) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  let work = null;
  if (event.ctrlKey || event.metaKey) {
    if (key === "z") work = event.shiftKey ? () => corrections.redo() : () => corrections.undo();
    if (key === "y") work = () => corrections.redo();
  } else if (!event.altKey) {
    if (key === "ArrowLeft" || key === "ArrowRight") {
      work = () => step((key === "ArrowLeft" ? -1 : 1) * (event.shiftKey ? 10 : 1));
    } else work = KEYS[key];
  }
  if (!work) return;
  event.preventDefault();
  work();
}

function connect() {
  const page = { window: () => range, move, select, epochAt, reset: () => move(0, scored.durationS) };
  for (const panel of chart.panels) listen(panel, chart, page);
  document.addEventListener("keydown", onKey);
  for (const button of document.querySelectorAll("[data-seconds]")) {
    button.addEventListener("click", () => show(Number(button.dataset.seconds) || scored.epochS));
  }
  onClick("zoom-in", () => zoom(0.5));
  onClick("zoom-out", () => zoom(2));
  onClick("taller", () => chart.magnify(1.25));
  onClick("flatter", () => chart.magnify(0.8));
  for (const state of STATES) onClick(`set-${state}`, () => setStage(state));
  onClick("set-artifact", toggleArtifact);
  onClick("undo", () => corrections.undo());
  onClick("redo", () => corrections.redo());
  onClick("show-keys", KEYS["?"]);
  for (const name of ["threshold", "threshold-number"]) {
    byId(name).value = scored.threshold;
    byId(name).addEventListener("input", (event) => setThreshold(Number(event.target.value), event.target));
    byId(name).addEventListener("change", () => { if (thresholdTimer) attempt(keepThreshold); });
  }
  byId("version").addEventListener("change", showDownloads);
  onClick("delete", () => byId("sure").showModal());
  onClick("delete-now", async () => {
    byId("sure").close();
    await ask("DELETE", `/scorings/${id}`);
    location.assign("/");
  });
  // The browser asks before it leaves what was not sent yet.
  addEventListener("beforeunload", (event) => {
    if (corrections.waiting || thresholdTimer) event.preventDefault();
  });
  addEventListener("resize", () => { frame ||= requestAnimationFrame(draw); });
}

function showNotes() {
  const { notes } = scored.words;
  byId("notes").replaceChildren(...notes.map((note) => element("li", {}, note)));
  byId("notes-card").hidden = notes.length === 0;
}

async function start() {
  // The page's head has asked for this already.
  const columns = Number(root.dataset.columns);
  const [answer] = await Promise.all([fetchView(id, { whole: true, columns }), bokeh]);
  scored = new Scored(answer);
  chart = new Chart(byId("panels"), scored);
  const reload = async () => scored.load(await fetchView(id, { whole: true, columns: 1 }));
  corrections = new Corrections(id, scored, { changed, reload });
  sent = { first: 0, last: scored.epochs - 1, columns };
  range = [0, scored.durationS];
  await chart.build(answer);
  connect();
  showNotes();
  showSummary();
  showSelected();
  showDownloads();
  draw();
  // What tests ask the page.
  globalThis.spindlePage = {
    stateOf: (epoch) => scored.stateOf(epoch),
    isArtifact: (epoch) => scored.isArtifact(epoch),
    selection: () => selection,
    window: () => range,
    revision: () => scored.revision,
    isIdle: () => corrections.waiting === 0 && asking === null && thresholdTimer === 0,
  };
  requestAnimationFrame(() => requestAnimationFrame(() => { document.body.dataset.ready = "true"; }));
}

say("");
attempt(start);
