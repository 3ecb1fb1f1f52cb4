// The panels of a scoring, drawn by Bokeh: one figure each, all on one time axis in seconds from the start.
import { element } from "./api.js";
import { LABELS, pool, STATES } from "./scoring-data.js";

const LANES = ["artifact", "nrem", "rem", "wake"];
const ROWS_PER_LANE = 10;
const MARK_ROWS = 3;
const SOFT = "#5b6775";
const TIMES_PX = 26;
const GRID = "#e3e8ee";
const MISSING = -32768;
const UNSCORED = "#d9d9d9";
const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400];
const SIGNAL_MARGIN = 1.7;
const MOST_REACH = 5;
// Columns longer than this are drawn as an area from the lowest to the highest value, shorter ones as a line.
const LINE_BELOW_S = 0.2;

const NAMES = [...STATES, "artifact", "accent", "problem"];
let COLOURS = {};
const print = (unit) => unit.replace(/^u(?=V)/, "µ");

// A colour as canvas pixels have it, in the order of their bytes.
function pixel(colour, alpha) {
  const value = Number.parseInt(colour.slice(1), 16);
  const bytes = [value >> 16, (value >> 8) & 255, value & 255, Math.round(255 * alpha)];
  return new Uint32Array(new Uint8Array(bytes).buffer)[0];
}

export class Chart {
  constructor(root, scored) {
    const style = getComputedStyle(document.documentElement);
    COLOURS = Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
    this.root = root;
    this.scored = scored;
    this.narrow = matchMedia("(max-width: 40rem)").matches;
    this.left = this.narrow ? 50 : 62;
    this.gain = 1;
    this.range = new Bokeh.Range1d({ start: 0, end: scored.durationS });
    this.ticker = new Bokeh.FixedTicker({ ticks: [], minor_ticks: [] });
    this.panels = [];
    this.signals = [];
    this.timeAxes = [];
    this.document = new Bokeh.Document();
    root.style.setProperty("--left", `${this.left}px`);
  }

  async build(data) {
    const { channels } = this.scored.words;
    this._hypnogram();
    this._stages();
    this._artifacts();
    this._spectrogram();
    channels.forEach((channel, place) => this._signal(channel, place));
    this._labelTimes();
    this.setData(data, 0, this.scored.epochs - 1);
    this.drawEpochs(0, this.scored.epochs - 1, Math.ceil(this.scored.epochs / this.width));
    const boxes = this.panels.map((panel) => panel.box);
    await Bokeh.embed.add_document_standalone(this.document, this.root, boxes);
  }

  get width() {
    return Math.max(this.panels[0].box.clientWidth - this.left - 8, 100);
  }

  _panel(name, title, yRange, yTicks, labels = null) {
    const box = element("div", { className: "plot" });
    const selection = element("div", { className: "selection", hidden: true });
    const cover = element("div", { className: "cover" }, element("div", { className: "clip" }, selection));
    const holder = element("section", { className: `panel ${name}` },
      element("h2", {}, title), element("div", { className: "field" }, box, cover));
    holder.dataset.panel = name;
    this.root.append(holder);
    const y_range = new Bokeh.Range1d({ start: yRange[0], end: yRange[1] });
    const last = new Bokeh.LinearAxis({
      ticker: yTicks, axis_line_color: null, major_tick_line_color: GRID, minor_tick_line_color: null, major_tick_in: 0,
      major_label_text_color: SOFT, major_label_text_font_size: "11px",
    });
    if (labels) last.major_label_overrides = new Map(labels);
    const plot = new Bokeh.Plot({
      x_range: this.range, y_range, sizing_mode: "stretch_both", toolbar_location: null, output_backend: "canvas",
      min_border_left: this.left, min_border_right: 8, min_border_top: 7, min_border_bottom: 7,
      outline_line_color: "#c9d1da", border_fill_color: null, lod_threshold: null,
    });
    plot.add_layout(last, "left");
    plot.add_layout(new Bokeh.Grid({ dimension: 0, ticker: this.ticker, grid_line_color: GRID }));
    this.document.add_root(plot);
    const panel = { name, box, cover, holder, selection, plot, y_range };
    this.panels.push(panel);
    return panel;
  }

  _glyph(panel, glyph, data = {}, level = "glyph") {
    const source = new Bokeh.ColumnDataSource({ data });
    panel.plot.add_renderers(new Bokeh.GlyphRenderer({ data_source: source, glyph, level }));
    return source;
  }

  _times(panel) {
    const axis = new Bokeh.LinearAxis({
      ticker: this.ticker, axis_line_color: null, major_tick_line_color: GRID, minor_tick_line_color: null, major_tick_in: 0,
      major_label_text_color: SOFT, major_label_text_font_size: "11px",
    });
    panel.plot.add_layout(axis, "below");
    panel.plot.min_border_bottom = TIMES_PX;
    panel.holder.classList.add("timed");
    this.timeAxes.push(axis);
  }

  _hypnogram() {
    const ticks = new Bokeh.FixedTicker({ ticks: [0, 1, 2, 3] });
    const labels = LANES.map((lane, y) => [y, LABELS[lane] ?? lane]);
    const panel = this._panel("hypnogram", "Hypnogram", [-0.5, 3.8], ticks, labels);
    this.steps = this._glyph(panel,
      new Bokeh.Step({ x: { field: "x" }, y: { field: "y" }, mode: "after", line_color: "#9aa5b1" }), { x: [], y: [] });
    this.hypnogram = this._glyph(panel, new Bokeh.ImageRGBA({
      image: { field: "image" }, x: { field: "x" }, y: -0.5, dw: { field: "dw" }, dh: 4.3,
    }), { image: [], x: [], dw: [] });
    this._times(panel);
  }

  _stages() {
    const ticks = new Bokeh.FixedTicker({ ticks: [0, 0.5, 1] });
    const panel = this._panel("stages", "Probability of each state", [0, 1], ticks);
    this.areas = ["nrem", "rem", "wake"].map((name) => [STATES.indexOf(name), this._area(panel, COLOURS[name])]);
  }

  _area(panel, colour) {
    return this._glyph(panel, new Bokeh.VArea({
      x: { field: "x" }, y1: { field: "y1" }, y2: { field: "y2" }, fill_color: colour,
    }), { x: [], y1: [], y2: [] });
  }

  _artifacts() {
    const ticks = new Bokeh.FixedTicker({ ticks: [0, 0.5, 1] });
    const panel = this._panel("artifacts", "Probability of an artifact", [0, 1], ticks);
    this.highest = this._area(panel, "#b4bac2");
    this.mean = this._area(panel, COLOURS.artifact);
    this.thresholdLine = new Bokeh.Span({
      location: this.scored.threshold, dimension: "width", line_color: COLOURS.problem, line_width: 1.5,
    });
    panel.plot.add_renderers(this.thresholdLine);
  }

  _spectrogram() {
    const { frequencies_hz: hz, shade_limits: limits } = this.scored.words;
    const half = hz.length > 1 ? (hz[hz.length - 1] - hz[0]) / (hz.length - 1) / 2 : 0.25;
    const [bottom, top] = [hz[0] - half, hz[hz.length - 1] + half];
    const ticks = new Bokeh.BasicTicker({ desired_num_ticks: 4 });
    const shown = limits.map((value) => value.toFixed(0).replace("-", "−"));
    const title = `Spectrogram of ${this.scored.words.channels[0].label} in Hz (${shown[0]} to ${shown[1]} dB)`;
    const panel = this._panel("spectrogram", title, [bottom, top], ticks);
    const palette = [Number.parseInt(`${UNSCORED.slice(1)}ff`, 16), ...Bokeh.Palettes.Viridis256.slice(1)];
    this.spectrogram = this._glyph(panel, new Bokeh.Image({
      image: { field: "image" }, x: { field: "x" }, y: bottom, dw: { field: "dw" }, dh: top - bottom,
      color_mapper: new Bokeh.LinearColorMapper({ palette, low: 0, high: 255 }),
    }), { image: [], x: [], dw: [] });
  }

  _signal(channel, place) {
    const ticker = new Bokeh.FixedTicker({ ticks: [0] });
    const title = `${channel.label} in ${print(channel.unit)}`;
    const panel = this._panel(channel.role.toLowerCase(), title, [channel.low, channel.high], ticker);
    const area = this._area(panel, "#56626f");
    const line = new Bokeh.Line({ x: { field: "x" }, y: { field: "y" }, line_color: "#34404d" });
    const source = this._glyph(panel, line, { x: [], y: [] });
    this.signals.push({ channel, panel, area, source, ticker, usual: 0 });
    if (place === this.scored.words.channels.length - 1) this._times(panel);
  }

  // Puts each signal's panel to what is usual in it, and in what is in view, times what the user asked for.
  _scale() {
    for (const { channel, panel, ticker, usual } of this.signals) {
      const middle = (channel.low + channel.high) / 2;
      const least = ((channel.high - channel.low) / 2) * SIGNAL_MARGIN;
      const reach = Math.min(Math.max(usual * 1.1, least), MOST_REACH * least) / this.gain;
      panel.y_range.setv({ start: middle - reach, end: middle + reach });
      const power = 10 ** Math.floor(Math.log10(reach * 0.8));
      const tick = power * [8, 6, 5, 4, 3, 2, 1].find((one) => one * power <= reach * 0.8);
      ticker.ticks = [-tick, 0, tick];
    }
  }

  // Marks epochs first … last in every panel, or none.
  mark(selection) {
    const { start, end } = this.range;
    const share = (epoch) => (100 * (epoch * this.scored.epochS - start)) / (end - start);
    for (const { selection: mark } of this.panels) {
      mark.hidden = selection === null;
      if (selection === null) continue;
      mark.style.left = `${share(selection.first)}%`;
      mark.style.width = `${share(selection.last + 1) - share(selection.first)}%`;
    }
  }

  magnify(factor) {
    this.gain = Math.min(Math.max(this.gain * factor, 0.1), 20);
    this._scale();
  }

  setRange(from, to) {
    this.range.setv({ start: from, end: to });
    this._labelTimes();
  }

  _labelTimes() {
    const { start, end } = this.range;
    const most = Math.max(Math.floor((this.panels[0].box.clientWidth || 900) / 85), 3);
    const step = STEPS_S.find((one) => (end - start) / one <= most) ?? STEPS_S.at(-1);
    const offset = this.scored.startS ?? 0;
    const ticks = [];
    for (let at = Math.ceil((start + offset) / step) * step; at <= end + offset; at += step) ticks.push(at - offset);
    // The same ticks need no new layout, which is what moving costs most.
    if (ticks.join() === this.ticker.ticks.join()) return;
    const labels = new Map(ticks.map((tick) => [tick, this.scored.clock(tick, step < 60)]));
    this.ticker.ticks = ticks;
    for (const axis of this.timeAxes) axis.major_label_overrides = labels;
  }

  // What the service sent of a window: spectrogram and signals.
  setData({ words, arrays }) {
    const { epochS } = this.scored;
    const image = arrays.spectrogram;
    const { first, size } = words.spectrogram;
    this.spectrogram.data = {
      image: [picture(image, image.shape, "uint8")], x: [first * epochS], dw: [image.shape[1] * size * epochS],
    };
    const [, columns] = arrays.signals.shape;
    this.signals.forEach((signal, place) => {
      const pairs = arrays.signals.subarray(2 * columns * place, 2 * columns * (place + 1));
      const values = Float64Array.from(pairs, (value) => (value === MISSING ? Number.NaN : value * signal.channel.scale));
      this._setSignal(signal, values, words.signals);
    });
    this._scale();
  }

  _setSignal(signal, values, { first_s: from, column_s: step }) {
    const columns = values.length / 2;
    const middle = (signal.channel.low + signal.channel.high) / 2;
    const reaches = values.filter((value) => !Number.isNaN(value)).map((value) => Math.abs(value - middle)).sort();
    signal.usual = reaches.length ? reaches[Math.floor(0.9 * (reaches.length - 1))] : 0;
    const asLine = step < LINE_BELOW_S;
    if (asLine) {
      const x = Float64Array.from(values, (_, i) => from + (i / 2 + 0.25) * step);
      signal.source.data = { x, y: values };
      signal.area.data = { x: [], y1: [], y2: [] };
      return;
    }
    const pick = (choose) => Float64Array.from({ length: columns }, (_, i) =>
      choose(values[2 * i], values[2 * i + 1]) || 0);
    signal.area.data = { x: stairs(columns, (i) => from + i * step), y1: twice(pick(Math.min)), y2: twice(pick(Math.max)) };
    signal.source.data = { x: [], y: [] };
  }

  // What is known of epochs first … last, in columns of `size`.
  drawEpochs(first, last, size) {
    this.drawn = { first, last, size };
    const pooled = pool(this.scored, first, last, size);
    this._drawHypnogram(pooled);
    const { columns, from, mean, highest } = pooled;
    const x = stairs(columns, (i) => Math.min(from + i * size, this.scored.epochs) * this.scored.epochS);
    let base = new Float64Array(columns);
    for (const [state, source] of this.areas) {
      const top = base.map((value, i) => value + pooled.probability[state][i]);
      source.data = { x, y1: twice(base), y2: twice(top) };
      base = top;
    }
    const zero = new Float64Array(x.length);
    this.highest.data = { x, y1: zero, y2: twice(highest) };
    this.mean.data = { x, y1: zero, y2: twice(mean) };
    this.thresholdLine.location = this.scored.threshold;
  }

  redrawEpochs() {
    this.drawEpochs(this.drawn.first, this.drawn.last, this.drawn.size);
  }

  _drawHypnogram(pooled) {
    const { columns, size, from } = pooled;
    const rows = LANES.length * ROWS_PER_LANE + MARK_ROWS;
    const pixels = new Uint32Array(rows * columns);
    const paint = (bottom, height, values, colour, least, most) => {
      for (let column = 0; column < columns; column += 1) {
        if (!values[column]) continue;
        const value = pixel(colour, least + (most - least) * Math.min(values[column], 1));
        for (let row = bottom; row < bottom + height; row += 1) pixels[row * columns + column] = value;
      }
    };
    LANES.forEach((lane, y) => {
      const bottom = y * ROWS_PER_LANE + 1;
      const height = ROWS_PER_LANE - 2;
      const state = STATES.indexOf(lane);
      if (state < 0) {
        paint(bottom, height, pooled.artifacts, COLOURS.artifact, 0.12, 1);
        return;
      }
      paint(bottom, height, pooled.before[state], COLOURS[lane], 0.22, 0.3);
      paint(bottom, height, pooled.states[state], COLOURS[lane], 0.45, 1);
    });
    paint(LANES.length * ROWS_PER_LANE, MARK_ROWS, pooled.corrected, COLOURS.accent, 1, 1);
    const { epochS } = this.scored;
    this.hypnogram.data = { image: [picture(pixels, [rows, columns], "uint32")], x: [from * epochS], dw: [columns * size * epochS] };
    this._drawSteps(pooled);
  }

  // A line through the states, where there is room for it.
  _drawSteps({ columns, size, from }) {
    const x = [];
    const y = [];
    if (size === 1) {
      let before = null;
      for (let i = from; i <= from + columns; i += 1) {
        const code = i < from + columns ? this.scored.codes[i] : before;
        if (code === before && i < from + columns) continue;
        x.push(i * this.scored.epochS);
        y.push(code < 0 ? Number.NaN : LANES.indexOf(STATES[code]));
        before = code;
      }
    }
    this.steps.data = { x, y };
  }
}

// The ends of columns, each twice, and their heights, each twice: an area with steps.
const stairs = (columns, edge) => Float64Array.from({ length: 2 * columns }, (_, i) => edge((i + 1) >> 1));
const twice = (values) => Float64Array.from({ length: 2 * values.length }, (_, i) => values[i >> 1]);

// Bokeh takes images as arrays that know their type and shape.
const picture = (array, shape, dtype) => Bokeh.require("core/util/ndarray").ndarray(array, { dtype, shape });
