// Signing in, new accounts, tokens, and administration.
import { ask, attempt, button, element, moment, onClick, onSubmit, say, size } from "./api.js";

onSubmit("sign-in", async (fields, form) => {
  await ask("POST", "/session", fields);
  location.assign(form.dataset.target);
});

onSubmit("welcome", async (fields, form) => {
  await ask("POST", "/accounts", { ...fields, invitation: form.dataset.invitation });
  location.assign("/");
});

onSubmit("password", async ({ old, new: wanted }) => {
  await ask("PUT", "/me/password", { old, new: wanted });
  location.assign("/sign-in");
});

async function showTokens() {
  const tokens = await ask("GET", "/tokens");
  const rows = tokens.map((token) =>
    element("tr", {},
      element("td", {}, token.name),
      element("td", { className: "fixed" }, moment(token.created_at)),
      element("td", { className: "fixed" }, moment(token.used_at)),
      element("td", {}, button("Revoke", async () => {
        await ask("DELETE", `/tokens/${token.id}`);
        await showTokens();
      })),
    ));
  document.querySelector("#tokens tbody").replaceChildren(...rows);
}

onSubmit("new-token", async (fields, form) => {
  const made = await ask("POST", "/tokens", fields);
  document.getElementById("token-text").textContent = made.token;
  document.getElementById("made-token").hidden = false;
  form.reset();
  await showTokens();
});
onClick("copy-token", () => navigator.clipboard.writeText(document.getElementById("token-text").textContent));

const names = new Map();

function showLink(made) {
  document.getElementById("link-text").textContent = made.link;
  document.getElementById("made-link").hidden = false;
}

async function showAccounts() {
  const people = await ask("GET", "/accounts");
  const rows = people.map((person) => {
    names.set(person.id, person.name);
    const change = (wanted) => async () => {
      await ask("PATCH", `/accounts/${person.id}`, wanted);
      await showAccounts();
    };
    const quota = element("input", {
      type: "number", min: 0, step: 1, className: "short", ariaLabel: `Quota of ${person.name} in GB`,
      value: person.quota_bytes === null ? "" : Math.round(person.quota_bytes / 1e9), placeholder: "usual",
    });
    quota.addEventListener("change", () =>
      attempt(change({ quota_bytes: quota.value === "" ? null : Math.round(Number(quota.value) * 1e9) })));
    return element("tr", { className: person.active ? "" : "closed" },
      element("td", {}, person.name),
      element("td", {}, person.role),
      element("td", { className: "number" }, String(person.recordings)),
      element("td", { className: "number" }, size(person.bytes)),
      element("td", { className: "number" }, quota, " GB"),
      element("td", {}, button(person.active ? "Close" : "Open", change({ active: !person.active })), " ",
        button(person.role === "user" ? "Make administrator" : "Make user",
          change({ role: person.role === "user" ? "administrator" : "user" })), " ",
        button("Forgot the password", async () => showLink(await ask("POST", `/accounts/${person.id}/reset`)))),
    );
  });
  document.querySelector("#accounts tbody").replaceChildren(...rows);
}

onSubmit("invite", async (fields) => {
  showLink(await ask("POST", "/invitations", fields));
});
onClick("copy-link", () => navigator.clipboard.writeText(document.getElementById("link-text").textContent));

let last = null;

async function showAudit() {
  const lines = await ask("GET", `/audit?limit=50${last === null ? "" : `&before=${last}`}`);
  const rows = lines.map((line) =>
    element("tr", {},
      element("td", { className: "fixed" }, moment(line.at)),
      element("td", {}, names.get(line.account_id) ?? line.account_id ?? "–"),
      element("td", {}, line.action),
      element("td", {}, element("code", {}, line.subject.slice(0, 12))),
    ));
  document.querySelector("#audit tbody").append(...rows);
  last = lines.at(-1)?.number ?? last;
  document.getElementById("more-audit").hidden = lines.length < 50;
}
onClick("more-audit", showAudit);

if (document.getElementById("tokens")) attempt(showTokens);
if (document.getElementById("accounts")) {
  attempt(async () => {
    await showAccounts();
    await showAudit();
  });
}
say("");
document.body.dataset.ready = "true";
