// The list of cohorts.
import { ask, attempt, button, element, moment, onClick, onSubmit } from "./api.js";
import { stateOf } from "./job.js";

let next = null;

function row(cohort) {
  const groups = [...new Set(cohort.rows.map((one) => one.group).filter(Boolean))].join(", ");
  const made = element("tr", {},
    element("td", {}, element("a", { href: `/cohorts/${cohort.id}` }, cohort.name)),
    element("td", { className: "number" }, String(cohort.rows.length)),
    element("td", {}, groups || "–"),
    element("td", {}, cohort.job ? stateOf(cohort.job) : "–"),
    element("td", { className: "fixed" }, moment(cohort.created_at)),
    element("td", {}, button("Delete", async () => {
      if (!confirm(`Delete ${cohort.name} and its results?`)) return;
      await ask("DELETE", `/cohorts/${cohort.id}`);
      made.remove();
    }, "danger")));
  return made;
}

async function more() {
  const page = await ask("GET", `/cohorts?limit=50${next ? `&cursor=${encodeURIComponent(next)}` : ""}`);
  const table = document.querySelector("#cohorts tbody");
  table.append(...page.items.map(row));
  next = page.next;
  document.getElementById("more").hidden = next === null;
  document.getElementById("none").hidden = table.children.length > 0;
}

onClick("more", more);
onSubmit("new-cohort", async (fields) => {
  const made = await ask("POST", "/cohorts", fields);
  location.assign(`/cohorts/${made.id}`);
});
await attempt(more);
document.body.dataset.ready = "true";
