// All jobs, newest first.
import { ask, attempt, onClick } from "./api.js";
import { JobCard, watchCards } from "./job_card.js";

const list = document.getElementById("jobs");
const which = document.getElementById("which");
const more = document.getElementById("more");
const cards = new Map();
let next = null;
let watching = false;

async function watch() {
  if (watching) return;
  watching = true;
  await watchCards(cards);
  watching = false;
}

async function read(cursor) {
  const wanted = new URLSearchParams({ limit: "50" });
  for (const state of which.value.split(" ").filter(Boolean)) wanted.append("state", state);
  if (cursor) wanted.set("cursor", cursor);
  const page = await ask("GET", `/jobs?${wanted}`);
  if (!cursor) {
    cards.clear();
    list.replaceChildren();
  }
  next = page.next;
  for (const job of page.items) {
    const card = new JobCard(job);
    cards.set(job.id, card);
    list.append(card.element);
  }
  more.hidden = next === null;
  document.getElementById("none").hidden = cards.size > 0;
  watch();
}

which.addEventListener("change", () => attempt(() => read(null)));
onClick("more", () => read(next));
await attempt(() => read(null));
document.body.dataset.ready = "true";
