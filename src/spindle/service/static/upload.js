// Uploads in pieces, over tus: each can be paused, goes on after a lost connection, and after the page was closed when
// the same file is chosen again.
import { ServiceError, ask, csrfHeaders } from "./api.js";

const PIECE = 8 * 2 ** 20;
const AT_ONCE = 2;
const LONGEST_WAIT_S = 20;

const wait = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
const base64 = (text) => btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(""));

// What a file is known by when it is chosen again.
export const markOf = (file) => `${file.name} ${file.size} ${file.lastModified}`;

class Upload {
  constructor(file, tell) {
    this.file = file;
    this.tell = tell;
    this.sent = 0;
    this.state = "waiting";
    this.problem = null;
    this.recording = null;
    this.id = null;
    this.located = false;
    this.request = null;
  }

  set(state, problem = null) {
    this.state = state;
    this.problem = problem;
    this.tell(this);
  }

  get isOver() {
    return ["done", "failed", "cancelled"].includes(this.state);
  }

  pause() {
    this.set("paused");
    this.request?.abort();
  }

  go() {
    if (this.state !== "paused") return;
    this.located = false;
    this.set("waiting");
    begin();
  }

  async cancel() {
    this.set("cancelled");
    this.request?.abort();
    // What is running ends by itself, and knows then whether there is an upload already.
    if (!this.running) await this.discard();
    begin();
  }

  async discard() {
    if (!this.id) return;
    for (let attempt = 0; attempt < 5; attempt += 1) {
      try {
        await ask("DELETE", `/uploads/${this.id}`, undefined, { "Tus-Resumable": "1.0.0" });
        return;
      } catch (error) {
        // The service may not have noticed yet that the last piece will not come.
        if (error.status !== 423) return;
        await wait(0.5);
      }
    }
  }

  async run() {
    this.set("sending");
    let failures = 0;
    while (this.state === "sending" || this.state === "checking") {
      const before = this.sent;
      try {
        if (await this.step()) return this.set("done");
      } catch (error) {
        if (this.state === "cancelled") return this.discard();
        if (this.state === "paused") return undefined;
        if (!(error instanceof ServiceError)) throw error;
        if (!mayPass(error)) return this.set("failed", error.message);
        failures = this.sent > before ? 1 : failures + 1;
        this.set("sending", error.status ? error.message : "No connection; trying again.");
        await wait(Math.min(2 ** failures / 2, LONGEST_WAIT_S));
        // Asked anew, because nobody knows how much of the last piece arrived.
        this.located = false;
      }
    }
    return this.state === "cancelled" ? this.discard() : undefined;
  }

  // Finds out where to go on, or sends one piece. True at the end.
  async step() {
    if (!this.located) {
      await this.locate();
      this.located = true;
      if (this.recording) return true;
      // Paused or cancelled in the meantime.
      if (this.state !== "sending") throw new ServiceError(0, "");
    }
    const piece = this.file.slice(this.sent, this.sent + PIECE);
    const from = this.sent;
    const answer = await this.send(piece, from);
    this.sent = Number(answer.getResponseHeader("Upload-Offset"));
    this.recording = answer.getResponseHeader("Recording-Id");
    if (this.state === "sending") this.set("sending");
    return Boolean(this.recording);
  }

  async locate() {
    if (!this.id) {
      const mark = markOf(this.file);
      const known = (await ask("GET", "/uploads")).find((one) => one.mark === mark && one.length === this.file.size);
      this.id = known?.id ?? (await this.create(mark));
    }
    try {
      const found = await ask("GET", `/uploads/${this.id}`);
      this.sent = found.offset;
      this.recording = found.recording_id;
    } catch (error) {
      if (error.status === 404) this.id = null;
      throw error.status === 404 ? new ServiceError(0, error.message) : error;
    }
  }

  async create(mark) {
    const metadata = `filename ${base64(this.file.name)},mark ${base64(mark)}`;
    const answer = await request("POST", "/api/v1/uploads", {
      "Tus-Resumable": "1.0.0", "Upload-Length": String(this.file.size), "Upload-Metadata": metadata,
    });
    return answer.getResponseHeader("Location").split("/").pop();
  }

  send(piece, from) {
    const headers = {
      "Tus-Resumable": "1.0.0", "Upload-Offset": String(from), "Content-Type": "application/offset+octet-stream",
    };
    return request("PATCH", `/api/v1/uploads/${this.id}`, headers, piece, (made) => {
      this.request = made;
    }, (loaded) => {
      if (this.state !== "sending") return;
      this.sent = from + loaded;
      this.set(this.sent >= this.file.size ? "checking" : "sending");
    });
  }
}

// Whether waiting may help: no connection, somebody else's piece, too many requests, the service is just starting.
const mayPass = (error) => [0, 408, 409, 423, 429, 500, 502, 503, 504].includes(error.status);

// fetch tells nothing of how much was sent, XMLHttpRequest does.
function request(method, path, headers, body = null, onMade = () => {}, onSent = () => {}) {
  return new Promise((resolve, reject) => {
    const made = new XMLHttpRequest();
    made.open(method, path);
    for (const [name, value] of Object.entries({ ...headers, ...csrfHeaders() })) made.setRequestHeader(name, value);
    made.upload.addEventListener("progress", (event) => onSent(event.loaded));
    made.addEventListener("load", () => {
      if (made.status < 300) return resolve(made);
      let detail = `The service answered ${made.status}.`;
      try {
        detail = JSON.parse(made.responseText).detail;
      } catch {
        // A proxy's own page says nothing better.
      }
      return reject(new ServiceError(made.status, detail));
    });
    for (const event of ["error", "abort", "timeout"]) {
      made.addEventListener(event, () => reject(new ServiceError(0, "The service does not answer.")));
    }
    onMade(made);
    made.send(body);
  });
}

const queue = [];

function begin() {
  const sending = queue.filter((one) => one.running).length;
  for (const one of queue.filter((item) => item.state === "waiting" && !item.running).slice(0, AT_ONCE - sending)) {
    one.running = true;
    one.run().finally(() => {
      one.running = false;
      begin();
    });
  }
}

export function upload(file, tell) {
  const made = new Upload(file, tell);
  queue.push(made);
  tell(made);
  begin();
  return made;
}

window.addEventListener("beforeunload", (event) => {
  if (queue.some((one) => one.running)) event.preventDefault();
});
