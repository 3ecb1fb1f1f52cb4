// A scoring as the page holds it: the numbers of every epoch, what people changed, and what follows from both.
import { ServiceError } from "./api.js";

export const STATES = ["wake", "nrem", "rem"];
export const LABELS = { wake: "Wake", nrem: "NREM", rem: "REM", unscored: "unscored" };
const KINDS = {
  int8: Int8Array, uint8: Uint8Array, int16: Int16Array, float32: Float32Array, float64: Float64Array,
};

// The answer of /view: 4 bytes with the length of a JSON record, the record, and the arrays it tells of.
export function unpack(buffer) {
  const start = 4 + new DataView(buffer).getUint32(0, true);
  const words = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, start - 4)));
  const arrays = {};
  for (const [name, { type, shape, offset }] of Object.entries(words.arrays)) {
    const count = shape.reduce((product, one) => product * one, 1);
    arrays[name] = new KINDS[type](buffer, start + offset, count);
    arrays[name].shape = shape;
  }
  return { words, arrays };
}

export async function fetchView(id, query, signal) {
  let response;
  try {
    response = await fetch(`/api/v1/scorings/${id}/view?${new URLSearchParams(query)}`, { signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServiceError(0, "The service does not answer; is the network there?");
  }
  if (!response.ok) {
    const problem = await response.json();
    throw new ServiceError(response.status, problem.detail);
  }
  return unpack(await response.arrayBuffer());
}

export class Scored {
  constructor(answer) {
    this.load(answer);
  }

  load({ words, arrays }) {
    this.words = words;
    this.epochs = words.epochs;
    this.epochS = words.epoch_s;
    this.durationS = words.epochs * words.epoch_s;
    this.original = arrays.original;
    this.codes = arrays.codes.slice();
    this.marks = arrays.marks.slice();
    this.artifactProbability = arrays.artifact_probability;
    this.stageProbability = arrays.stage_probability;
    this.revision = words.revision;
    this.corrections = words.corrections;
    this.threshold = words.threshold;
    const clock = words.start === null ? null : /T(\d+):(\d+):(\d+(?:\.\d+)?)/.exec(words.start);
    this.startS = clock === null ? null : Number(clock[1]) * 3600 + Number(clock[2]) * 60 + Number(clock[3]);
  }

  set threshold(value) {
    this._threshold = value;
    // The service compares in the precision of the probabilities.
    this._limit = this.artifactProbability instanceof Float32Array ? Math.fround(value) : value;
  }

  get threshold() {
    return this._threshold;
  }

  isAbove(epoch) {
    return this.artifactProbability[epoch] > this._limit;
  }

  isArtifact(epoch) {
    const mark = this.marks[epoch];
    return mark < 0 ? this.isAbove(epoch) : mark === 1;
  }

  isCorrected(epoch) {
    return this.codes[epoch] !== this.original[epoch] || this.isArtifact(epoch) !== this.isAbove(epoch);
  }

  stateOf(epoch) {
    return STATES[this.codes[epoch]] ?? "unscored";
  }

  // In words, what the scoring said before anybody corrected it.
  wasIn(epoch) {
    const state = LABELS[STATES[this.original[epoch]] ?? "unscored"];
    return this.isAbove(epoch) ? `${state} with an artifact` : state;
  }

  probability(state, epoch) {
    return this.stageProbability[state * this.epochs + epoch] / 255;
  }

  change({ first, last, stage, artifact }) {
    if (stage !== undefined) this.codes.fill(STATES.indexOf(stage), first, last + 1);
    if (artifact !== undefined) this.marks.fill(artifact ? 1 : 0, first, last + 1);
  }

  // What the service says of some epochs has the last word.
  accept({ first, stages, artifact, revision, corrections }) {
    stages.forEach((stage, i) => { this.codes[first + i] = STATES.indexOf(stage); });
    artifact.forEach((mark, i) => { this.marks[first + i] = mark === null ? -1 : Number(mark); });
    this.revision = revision;
    this.corrections = corrections;
  }

  summary() {
    const epochs = [0, 0, 0];
    let scored = 0;
    let artifacts = 0;
    let corrected = 0;
    for (let i = 0; i < this.epochs; i += 1) {
      if (this.isCorrected(i)) corrected += 1;
      if (this.codes[i] < 0) continue;
      scored += 1;
      epochs[this.codes[i]] += 1;
      if (this.isArtifact(i)) artifacts += 1;
    }
    return { epochs, scored, artifacts, corrected, unscored: this.epochs - scored };
  }

  // Seconds from the start in words: time of day where it is known, else the time that has passed.
  clock(seconds, withSeconds = true) {
    const whole = Math.round((this.startS ?? 0) + seconds);
    const hours = Math.floor(whole / 3600);
    const two = (number) => String(number).padStart(2, "0");
    const text = `${this.startS === null ? hours : two(hours % 24)}:${two(Math.floor(whole / 60) % 60)}`;
    return withSeconds ? `${text}:${two(whole % 60)}` : text;
  }
}

// Epochs first … last in columns of `size`, which begin at multiples of it.
export function pool(scored, first, last, size) {
  const from = first - (first % size);
  const columns = Math.ceil((last + 1 - from) / size);
  const pooled = {
    from, size, columns,
    states: STATES.map(() => new Float32Array(columns)),
    before: STATES.map(() => new Float32Array(columns)),
    artifacts: new Float32Array(columns),
    corrected: new Float32Array(columns),
    probability: STATES.map(() => new Float64Array(columns)),
    mean: new Float64Array(columns),
    highest: new Float64Array(columns),
  };
  for (let column = 0; column < columns; column += 1) poolColumn(scored, pooled, column);
  return pooled;
}

function poolColumn(scored, pooled, column) {
  const start = pooled.from + column * pooled.size;
  const stop = Math.min(start + pooled.size, scored.epochs);
  const share = 1 / (stop - start);
  let known = 0;
  for (let i = start; i < stop; i += 1) {
    const code = scored.codes[i];
    if (code >= 0) pooled.states[code][column] += share;
    if (scored.original[i] >= 0) {
      known += 1;
      for (let state = 0; state < 3; state += 1) pooled.probability[state][column] += scored.probability(state, i);
      if (scored.original[i] !== code) pooled.before[scored.original[i]][column] += share;
    }
    if (scored.isArtifact(i)) pooled.artifacts[column] += share;
    if (scored.isCorrected(i)) pooled.corrected[column] += share;
    const probability = scored.artifactProbability[i];
    pooled.mean[column] += probability * share;
    if (probability > pooled.highest[column]) pooled.highest[column] = probability;
  }
  if (!known) return;
  const total = pooled.probability.reduce((sum, one) => sum + one[column], 0) || 1;
  for (const one of pooled.probability) one[column] = (one[column] / total) * (known * share);
}
