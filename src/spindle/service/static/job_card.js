// A job in a list: its state, its progress, what it said, and a button that stops it.
import { ask, attempt, button, element, moment, unlessGone } from "./api.js";
import { isFinal, progressOf, stateOf } from "./job.js";

export class JobCard {
  constructor(job) {
    this.last = 0;
    this.lines = element("ol", { className: "log" });
    this.details = element("details", {}, element("summary", {}, "Log"), this.lines);
    this.details.addEventListener("toggle", () => attempt(() => this.readLog()));
    this.when = element("span", { className: "hint" });
    this.top = element("div", { className: "job-top" });
    this.said = element("p", { className: "doing" });
    this.bar = element("progress", { max: 1, ariaLabel: job.title });
    this.stop = button("Cancel", async () => this.show(await ask("POST", `/jobs/${job.id}/cancel`)));
    this.stop.setAttribute("aria-label", `Cancel: ${job.title}`);
    this.element = element("article", { className: "card job" }, this.top, this.said, this.bar,
      element("div", { className: "job-end" }, this.details, this.when));
    this.element.dataset.job = job.id;
    this.show(job);
  }

  show(job) {
    this.job = job;
    const over = isFinal(job);
    const target = job.recording_id ? `/recordings/${job.recording_id}` : job.cohort_id ? `/cohorts/${job.cohort_id}` : "";
    const title = target ? element("a", { href: target }, job.title) : job.title;
    const results = job.scorings.map((id, place) => element("a", { className: "button", href: `/scorings/${id}` },
      job.scorings.length > 1 ? `Open ${place + 1}` : "Open"));
    this.top.replaceChildren(
      element("span", { className: "job-title" }, title), stateOf(job),
      element("span", { className: "actions" }, ...results, ...(over ? [] : [this.stop])));
    this.when.textContent = moment(job.ended_at ?? job.started_at ?? job.created_at);
    this.said.textContent = over ? job.problem ?? "" : progressOf(job);
    this.said.hidden = !this.said.textContent;
    this.said.classList.toggle("problem", job.state === "failed");
    this.bar.value = job.share;
    this.bar.hidden = job.state !== "running";
    if (this.details.open) attempt(() => this.readLog());
  }

  async readLog() {
    if (!this.details.open || this.reading) return;
    this.reading = true;
    try {
      for (;;) {
        const lines = await ask("GET", `/jobs/${this.job.id}/log?after=${this.last}`);
        for (const line of lines) {
          this.lines.append(element("li", {}, element("time", { dateTime: line.at }, new Date(line.at).toLocaleTimeString()), ` ${line.text}`));
          this.last = line.number;
        }
        if (lines.length < 1000) break;
      }
      if (!this.lines.children.length) this.lines.append(element("li", { className: "hint" }, "It has said nothing yet."));
      else if (this.last) this.lines.querySelector("li.hint")?.remove();
    } finally {
      this.reading = false;
    }
  }
}

// Shows jobs anew every moment while one of them is not over; `ended` is told of those that come to their end.
export async function watchCards(cards, ended = () => {}) {
  for (;;) {
    const open = [...cards.values()].filter((card) => !isFinal(card.job));
    if (!open.length) return;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    if (document.hidden) continue;
    await attempt(async () => {
      const active = new Map();
      for (const job of (await ask("GET", "/jobs?state=queued&state=running&limit=200")).items) active.set(job.id, job);
      for (const card of open) {
        if (isFinal(card.job)) continue;
        const job = active.get(card.job.id) ?? (await unlessGone(`/jobs/${card.job.id}`));
        if (job === null) {
          cards.delete(card.job.id);
          card.element.remove();
          continue;
        }
        card.show(job);
        if (isFinal(job)) await ended(job);
      }
    });
  }
}
