// What all pages' scripts share: asking the service, saying what went wrong, and small pieces of HTML.

const csrf = document.querySelector("meta[name=csrf]")?.content;

export class ServiceError extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export async function ask(method, path, body, headers = {}) {
  const options = { method, headers: { Accept: "application/json", ...headers } };
  if (csrf) options.headers["X-CSRF-Token"] = csrf;
  if (body instanceof Blob) options.body = body;
  else if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(`/api/v1${path}`, options);
  } catch {
    throw new ServiceError(0, "The service does not answer; is the network there?");
  }
  if (response.status === 401 && csrf) location.assign(`/sign-in?next=${encodeURIComponent(location.pathname)}`);
  const isJson = response.status !== 204 && /json/.test(response.headers.get("Content-Type") ?? "");
  const answer = isJson ? await response.json() : null;
  if (!response.ok) throw new ServiceError(response.status, answer?.detail ?? `The service answered ${response.status}.`);
  return answer;
}

// What there is to get, or null where it was deleted in the meantime.
export async function unlessGone(path) {
  try {
    return await ask("GET", path);
  } catch (error) {
    if (error.status !== 404) throw error;
    return null;
  }
}

export const csrfHeaders = () => (csrf ? { "X-CSRF-Token": csrf } : {});

export function say(sentence) {
  const place = document.getElementById("problem");
  place.textContent = sentence;
  place.hidden = !sentence;
  if (sentence) place.scrollIntoView({ block: "nearest" });
}

// Runs what a button or form does; what goes wrong is said at the top of the page.
export async function attempt(work) {
  say("");
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    say(error.message);
    return undefined;
  }
}

export function onSubmit(id, work) {
  const form = document.getElementById(id);
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("[type=submit]");
    button.disabled = true;
    await attempt(() => work(Object.fromEntries(new FormData(form)), form));
    button.disabled = false;
  });
}

export function onClick(id, work) {
  document.getElementById(id)?.addEventListener("click", (event) => attempt(() => work(event)));
}

// element("td", { className: "number" }, "text", anotherElement): texts are texts, never HTML.
export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function button(text, work, className = "") {
  const made = element("button", { type: "button", className }, text);
  made.addEventListener("click", () => attempt(work));
  return made;
}

export const moment = (text) =>
  text ? new Date(text).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" }) : "–";

export function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toLocaleString(undefined, { maximumFractionDigits: value < 10 && unit ? 1 : 0 })} ${units[unit]}`;
}

export function length(seconds) {
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.round((seconds % 3600) / 60);
  return hours ? `${hours} h ${String(minutes).padStart(2, "0")} min` : `${minutes} min`;
}
