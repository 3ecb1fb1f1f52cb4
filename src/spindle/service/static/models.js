// Models: what each says of itself, training, and bringing one.
import { ask, attempt, button, element, moment, onSubmit } from "./api.js";
import { follow, isFinal, progressOf, stateOf } from "./job.js";

function card(model) {
  const figures = Object.entries(model.card.figures).map(([name, value]) =>
    element("tr", {}, element("td", {}, name.replaceAll("_", " ")),
      element("td", { className: "number" }, value?.toLocaleString(undefined, { maximumFractionDigits: 4 }) ?? "–")));
  const own = model.id !== "starter";
  return element("section", { className: "card" },
    element("h2", {}, model.name, own ? "" : " (comes with SPINDLE)"),
    element("p", {}, `Learned from ${model.card.data}.`),
    element("p", { className: "hint" }, own ? `Here since ${moment(model.created_at)}.` : `Made ${model.card.created.slice(0, 10)}.`),
    model.card.notes.length ? element("ul", {}, ...model.card.notes.map((note) => element("li", {}, note))) : null,
    figures.length
      ? element("details", {}, element("summary", {}, "What was measured"),
        element("div", { className: "scroll" }, element("table", { className: "narrow-table" }, element("tbody", {}, ...figures))))
      : null,
    own
      ? element("p", { className: "row" },
        element("a", { className: "button", href: `/api/v1/models/${model.id}/file` }, "Download"),
        button("Delete", async () => {
          if (!confirm(`Delete the model ${model.name}? What it scored stays.`)) return;
          await ask("DELETE", `/models/${model.id}`);
          await show();
        }, "danger"))
      : null);
}

async function show() {
  const models = await ask("GET", "/models");
  document.getElementById("models").replaceChildren(...models.map(card));
  document.querySelector("#train [name=base]").replaceChildren(
    ...models.map((model) => element("option", { value: model.id }, model.name)),
    element("option", { value: "nothing" }, "nothing: new weights"));
}

async function showExamples() {
  const boxes = [];
  let cursor = null;
  do {
    const page = await ask("GET", `/recordings?limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
    for (const recording of page.items) {
      if (!recording.labels) continue;
      for (const labels of await ask("GET", `/recordings/${recording.id}/labels`)) {
        boxes.push(element("label", { className: "inline" },
          element("input", { type: "checkbox", value: `${recording.id} ${labels.id}` }),
          `${recording.name}, labels ${labels.name}`));
      }
    }
    cursor = page.next;
  } while (cursor);
  document.getElementById("examples").replaceChildren(...boxes);
  document.getElementById("no-examples").hidden = boxes.length > 0;
}

const trainings = document.getElementById("trainings");

async function watch(job) {
  const line = element("div", { className: "training" });
  trainings.prepend(line);
  const stop = button("Cancel", () => ask("POST", `/jobs/${job.id}/cancel`));
  const ended = await follow(job.id, (now) => line.replaceChildren(
    element("p", {}, stateOf(now), ` ${now.title}: ${progressOf(now)}`),
    ...(isFinal(now) ? [] : [element("progress", { max: 1, value: now.share }), stop])));
  if (ended.state === "done") await show();
}

onSubmit("train", async (fields) => {
  const chosen = [...document.querySelectorAll("#examples input:checked")].map((box) => box.value.split(" "));
  const job = await ask("POST", "/models", {
    name: fields.name,
    base: fields.base,
    passes: Number(fields.passes),
    examples: chosen.map(([recording, labels]) => ({ recording, labels })),
  });
  attempt(() => watch(job));
});

onSubmit("bring", async (fields, form) => {
  await ask("PUT", `/models?name=${encodeURIComponent(fields.name)}`, fields.file);
  form.reset();
  await show();
});

await attempt(show);
await attempt(showExamples);
document.body.dataset.ready = "true";
await attempt(async () => {
  const running = await ask("GET", "/jobs?limit=50");
  for (const job of running.items) if (job.kind === "train" && !isFinal(job)) attempt(() => watch(job));
});
