// A job on any page: its state as a word, and waiting for its end.
import { ask, element } from "./api.js";

const WORDS = { queued: "waiting", running: "running", done: "done", failed: "failed", cancelled: "cancelled" };

export const isFinal = (job) => ["done", "failed", "cancelled"].includes(job.state);

export const stateOf = (job) =>
  element("span", { className: `state ${job.state}`, title: job.problem ?? "" }, WORDS[job.state] ?? job.state);

export function progressOf(job) {
  if (job.problem) return job.problem;
  if (job.state === "queued") return "Waiting for its turn.";
  if (job.state === "running") return `${job.doing || "Starting"}, ${Math.round(job.share * 100)} %`;
  return WORDS[job.state];
}

// Tells of a job until it has ended; a moment without the service is waited out.
export async function follow(id, tell) {
  for (;;) {
    let job = null;
    try {
      job = await ask("GET", `/jobs/${id}`);
    } catch (error) {
      if (error.status && error.status < 500 && error.status !== 429) throw error;
    }
    if (job) {
      tell(job);
      if (isFinal(job)) return job;
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}
