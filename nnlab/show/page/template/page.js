// What a page does by itself: curves that answer, a slider through the epochs, tables that sort.
// The JSON in the page holds the records and snapshots; `scenes` draws them, one function per kind.
"use strict";

const SVG = "http://www.w3.org/2000/svg"; // the name of a language, never loaded
const PAUSE = 180, CALM_PAUSE = 600; // milliseconds from one moment to the next
const MOST_MOMENTS = 120; // on a live page
const STRONGEST = 0.45; // the opacity of the largest value behind text
const SHARES = ["dead", "saturated"]; // columns that are shares
const CLASSES = 7, SHADES = 32; // colours of classes in page.css; shades of each in a field

const minus = text => String(text).replace("-", "\u2212");
const parsed = element => JSON.parse(element.querySelector(":scope > script").textContent);

function add(parent, tag, attributes = {}, text) {
  const drawn = tag === "svg" || parent instanceof SVGElement;
  const element = drawn ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}

function addDrawing(parent, width, height, label) {
  const viewBox = `0 0 ${width} ${height}`;
  return add(parent, "svg", { width, height, viewBox, role: "img", "aria-label": label });
}

// The index of the sorted value that is nearest.
function nearest(values, wanted) {
  let low = 0, high = values.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (values[middle] < wanted) low = middle; else high = middle;
  }
  return wanted - values[low] <= values[high] - wanted ? low : high;
}

// Numbers and ticks as nnlab/show/words.py and show/figures/axes.py write them.

const RAISED = "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079";
const raised = exponent => minus(exponent).replace("\u2212", "\u207b").replace(/\d/g, digit => RAISED[digit]);
const formats = new Map(); // by number of places: making a format takes longer than using it
function grouped(value, places) {
  if (!formats.has(places)) {
    const digits = { minimumFractionDigits: places, maximumFractionDigits: places, roundingMode: "halfEven" };
    formats.set(places, new Intl.NumberFormat("en", digits));
  }
  return minus(formats.get(places).format(value));
}
const shortFormat = new Intl.NumberFormat("en", { maximumFractionDigits: 10 });

function formatNumber(value, digits = 4) {
  if (value === null || value === undefined) return "\u2013";
  if (value !== 0 && (Math.abs(value) < 1e-4 || Math.abs(value) >= 1e7)) {
    const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
    return `${minus(mantissa)} \u00d7 10${raised(Number(exponent))}`;
  }
  const places = digits - 1 - (value ? Math.floor(Math.log10(Math.abs(value))) : 0);
  return grouped(value, Math.max(places, 0));
}

function compact(value) {
  const short = Number(value.toPrecision(3));
  if (short && (Math.abs(short) < 1e-4 || Math.abs(short) >= 1e5)) return minus(short.toExponential().replace("e+", "e"));
  return minus(shortFormat.format(short));
}

// About `most` round numbers from `low` to `high`, whole ones where the axis counts.
function niceTicks(low, high, most, whole = false) {
  const rough = (high - low) / most || 1, power = 10 ** Math.floor(Math.log10(rough));
  let step = [1, 2, 2.5, 5, 10].map(factor => factor * power).find(size => size >= rough * 0.999);
  if (whole) step = Math.max(1, Math.ceil(step));
  const first = Math.ceil(low / step - 1e-9), last = Math.floor(high / step + 1e-9);
  return Array.from({ length: Math.max(last - first + 1, 0) }, (_, i) => (first + i) * step);
}

// How many powers of ten lie between; a quotient may overflow.
const decades = (low, high) => Math.log10(high) - Math.log10(low);

// Powers of ten, and 2 and 5 times those where there are few.
function logTicks(low, high) {
  const wide = decades(low, high), factors = wide < 2 ? [1, 2, 5] : [1];
  const ticks = [], every = Math.ceil(wide / 7) || 1;
  for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++) {
    if (e % every === 0) for (const factor of factors) ticks.push(Number(`${factor}e${e}`));
  }
  return ticks.filter(value => value >= low && value <= high);
}

// Curves: drawn from their records, with a line at the place that is read and the values there.

const CHART = { width: 420, left: 58, right: 408, top: 10, bottom: 232, height: 270 };
const LINES = 7, DASHES = 4, FEW = 30; // colours and dashes in page.css; so few points are marked
const EDGE = 6; // around the axes, where marks may reach

// The lowest and the highest value that the axis shows.
function valueRange(values, scale, share) {
  const finite = values.filter(value => value !== null && (scale !== "log" || value > 0));
  let low = finite.reduce((a, b) => Math.min(a, b), Infinity), high = finite.reduce((a, b) => Math.max(a, b), -Infinity);
  if (scale === "log") {
    const beyond = high > low ? 10 ** (0.05 * decades(low, high)) : 3;
    return [low / beyond || Number.MIN_VALUE, high * beyond];
  }
  if (share && high >= -1) {
    low = Math.max(-1, Math.min(low, 0.95));
    return [low - 0.05 * (1 - low), 1 + 0.05 * (1 - low)];
  }
  [low, high] = [Math.min(low, 0), Math.max(high, 0)];
  if (high <= low) high = low + 1;
  const room = 0.05 * (high - low);
  return [low < 0 ? low - room : low, high + room];
}

// From values to places: x, and y from the bottom upwards; the axes with ticks and names.
function addAxes(svg, data, places, scale) {
  const { left, right, top, bottom } = CHART;
  const [first, last] = [places[0], places.at(-1)], wide = last - first || 1;
  const [low, high] = valueRange(data.curves.flatMap(curve => curve.y), scale, data.share);
  const along = value => (scale === "log" ? Math.log(value) : value);
  const x = value => left + 8 + (value - first) / wide * (right - left - 16);
  const y = value => bottom - (along(value) - along(low)) / (along(high) - along(low)) * (bottom - top);
  for (const value of scale === "log" ? logTicks(low, high) : niceTicks(low, high, 5)) {
    add(svg, "path", { class: "grid", d: `M${left} ${y(value).toFixed(1)}H${right}` });
    add(svg, "text", { class: "y", x: left - 6, y: y(value) + 4 }, compact(value));
  }
  for (const value of niceTicks(first, last, 5, true)) {
    add(svg, "text", { class: "x", x: x(value), y: bottom + 15 }, value.toLocaleString("en"));
  }
  add(svg, "path", { class: "axis", d: `M${left} ${top}V${bottom}H${right}` });
  add(svg, "text", { class: "x name", x: (left + right) / 2, y: bottom + 32 }, data.unit);
  return { x, y, shows: value => value !== null && (scale !== "log" || value > 0) };
}

// A part of a chart that shows nothing beyond its axes, but a whole mark on them.
function addWindow(svg) {
  const x = CHART.left - EDGE, y = CHART.top - EDGE;
  const width = CHART.right + EDGE - x, height = CHART.bottom + EDGE - y;
  const viewBox = `${x} ${y} ${width} ${height}`;
  return add(svg, "svg", { class: "window", x, y, width, height, viewBox, "aria-hidden": "true" });
}

function linePath(xs, ys, { x, y, shows }, stepped) {
  let path = "", open = false;
  ys.forEach((value, i) => {
    if (!shows(value)) { open = false; return; }
    const [at, height] = [x(xs[i]).toFixed(1), y(value).toFixed(1)];
    path += !open ? `M${at} ${height}` : stepped ? `V${height}H${at}` : `L${at} ${height}`;
    open = true;
  });
  return path;
}

class Chart {
  constructor(figure, data) {
    this.figure = figure;
    figure.replaceChildren();
    this.caption = add(figure, "figcaption");
    this.plot = add(figure, "div", { class: "plot" });
    this.legend = add(figure, "p", { class: "legend" });
    this.controls = add(figure, "div", { class: "controls" });
    this.scrub = add(this.controls, "label", { class: "scrub" });
    this.input = add(this.scrub, "input", { type: "range", min: 0 });
    this.rescale = add(this.controls, "button", { type: "button", class: "rescale" }, "log scale");
    this.reading = add(figure, "output", { class: "reading", "aria-live": "off" });
    this.input.addEventListener("input", () => this.read(Number(this.input.value)));
    this.rescale.addEventListener("click", () => {
      this.touched = true;
      this.scale = this.data.scales.find(scale => scale !== this.scale);
      this.draw();
    });
    this.plot.addEventListener("pointermove", event => {
      const box = this.plot.getBoundingClientRect();
      const at = (event.clientX - box.left) / box.width * CHART.width;
      this.read(nearest(this.places.map(this.axes.x), at));
    });
    document.addEventListener("moment", event => { this.moment = event.detail; this.stand("moment", this.moment); });
    this.update(data);
  }

  // New records of the same chart: what is read and the chosen scale stay.
  update(data) {
    const place = this.places?.[this.index], atEnd = this.index === undefined || this.index === this.places.length - 1;
    this.data = data;
    this.places = [...new Set(data.curves.flatMap(curve => curve.x))].sort((a, b) => a - b);
    this.values = data.curves.map(curve => new Map(curve.x.map((x, i) => [x, curve.y[i]])));
    if (!this.scale || !data.scales.includes(this.scale) || !this.touched) this.scale = data.scales[0];
    this.caption.replaceChildren();
    add(this.caption, "b", {}, data.title);
    if (data.note) this.caption.append(` ${data.note}`);
    this.scrub.replaceChildren(`${data.unit} `, this.input);
    this.input.max = this.places.length - 1;
    this.input.setAttribute("aria-label", `${data.title}: ${data.unit} to read`);
    this.index = atEnd ? this.places.length - 1 : nearest(this.places, place);
    this.draw();
  }

  draw() {
    const { data, plot } = this, { top, bottom } = CHART;
    plot.replaceChildren();
    const svg = addDrawing(plot, CHART.width, CHART.height, data.alt);
    this.axes = addAxes(svg, data, this.places, this.scale);
    const inside = addWindow(svg); // a share far below zero ends at the axis
    data.curves.forEach((curve, number) => {
      const look = `curve c${number % LINES} d${number % DASHES}`, path = ys => linePath(curve.x, ys, this.axes, data.stepped);
      add(inside, "path", { class: curve.mean ? `${look} pale` : look, d: path(curve.y) });
      if (curve.mean) add(inside, "path", { class: look, d: path(curve.mean) });
      if (curve.x.length <= FEW && !data.stepped) this.addDots(inside, curve, number);
    });
    this.addMarks(inside);
    this.lines = { cursor: add(svg, "path", { class: "cursor" }), moment: add(svg, "path", { class: "moment" }) };
    this.span = `${top}V${bottom}`;
    if (this.moment !== undefined) this.stand("moment", this.moment);
    if (this.reading.textContent) this.read(this.index); else this.input.value = this.index;
    if (data.scales.length < 2) this.rescale.remove(); else this.controls.append(this.rescale);
    this.rescale.setAttribute("aria-pressed", this.scale === "log");
    this.drawLegend();
  }

  addDots(svg, curve, number) {
    curve.y.forEach((value, i) => {
      if (!this.axes.shows(value)) return;
      add(svg, "circle", { class: `dot c${number % LINES}`, cx: this.axes.x(curve.x[i]), cy: this.axes.y(value), r: 2.4 });
    });
  }

  // A circle on the best epoch of the last curve, and a line where the numbers stopped being finite.
  addMarks(svg) {
    const { x, y, shows } = this.axes;
    for (const { label, place } of this.data.marks) {
      const value = this.values.at(-1).get(this.places[nearest(this.places, place)]);
      if (label === "best" && shows(value ?? null)) add(svg, "circle", { class: "mark", cx: x(place), cy: y(value), r: 5 });
      if (label === "diverged") add(svg, "path", { class: "mark", d: `M${x(Math.min(place, this.places.at(-1)))} ${CHART.top}V${CHART.bottom}` });
    }
  }

  drawLegend() {
    const { curves, marks, smoothing, unit } = this.data;
    this.legend.replaceChildren();
    const entry = (draw, text) => {
      const place = add(this.legend, "span");
      draw(add(place, "svg", { class: "line", viewBox: "0 0 24 10", "aria-hidden": "true" }));
      place.append(text);
    };
    curves.forEach(({ label }, i) =>
      entry(svg => add(svg, "path", { class: `curve c${i % LINES} d${i % DASHES}`, d: "M1 5H23" }), label));
    for (const { label, place } of marks) {
      const text = `${label === "best" ? "best" : "diverged"}: epoch ${place.toLocaleString("en")}`;
      entry(svg => (label === "best"
        ? add(svg, "circle", { class: "mark", cx: 12, cy: 5, r: 4 }) : add(svg, "path", { class: "mark", d: "M12 0V10" })), text);
    }
    if (smoothing) add(this.legend, "span", {}, `pale: every ${unit}; strong: mean of ${smoothing} ${unit}s`);
  }

  stand(name, place) {
    if (name === "moment" && this.data.unit !== "epoch") return;
    const at = Math.min(Math.max(place, this.places[0]), this.places.at(-1));
    this.lines[name].setAttribute("d", `M${this.axes.x(at).toFixed(2)} ${this.span}`);
  }

  read(index) {
    const place = this.places[index];
    const values = this.data.curves.map(({ label }, i) => `${label} ${formatNumber(this.values[i].get(place))}`);
    const text = `${this.data.unit} ${place.toLocaleString("en")}: ${values.join(", ")}`;
    this.index = index;
    this.stand("cursor", place);
    this.reading.textContent = text;
    this.input.value = index;
    this.input.setAttribute("aria-valuetext", text);
  }
}

// Scenes: each draws what stays and returns a function that draws one moment.

const darkScheme = matchMedia("(prefers-color-scheme: dark)"), knownColors = new Map();
darkScheme.addEventListener("change", () => knownColors.clear());

// Red, green and blue of a colour of the palette. Asking for a style makes the browser compute all.
function channels(name) {
  if (!knownColors.has(name)) {
    const color = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
    knownColors.set(name, [1, 3, 5].map(i => parseInt(color.slice(i, i + 2), 16)));
  }
  return knownColors.get(name);
}

// A field is a picture of one byte per place: a class and its shade, or a sign and its size. A shade makes
// red, green, blue and opacity of a byte.
const signed = byte => (byte - 127) / 127;

const shadeOfClass = strongest => byte => {
  const share = byte % SHADES / (SHADES - 1);
  return [...channels(`class${Math.min(Math.floor(byte / SHADES), CLASSES - 1)}`), Math.round(strongest * share)];
};

const shadeOfSign = (negative, positive, strongest) => byte =>
  [...channels(byte < 127 ? negative : positive), Math.round(strongest * Math.min(Math.abs(signed(byte)) ** 0.8, 1))];

// Dark above zero, light below, grey at zero: so a sign can be read without colours too.
const blended = (rgb, other, share) => rgb.map((value, i) => Math.round(value + (other[i] - value) * share));
const ZERO = [150, 150, 150], WHITE = [255, 255, 255], BLACK = [0, 0, 0];
function shadeOfLightness(byte) {
  const end = byte < 127 ? blended(channels("negative"), WHITE, 0.5) : blended(channels("positive"), BLACK, 0.4);
  return [...blended(ZERO, end, Math.min(Math.abs(signed(byte)) ** 0.8, 1)), 255];
}

function addLightnessLegend(parent) {
  const legend = add(parent, "p", { class: "legend" });
  for (const [name, byte] of [["negative", 0], ["zero", 127], ["positive", 254]]) {
    const entry = add(legend, "span"), swatch = add(entry, "svg", { class: "swatch", viewBox: "0 0 12 12", "aria-hidden": "true" });
    add(swatch, "rect", { width: 12, height: 12, fill: `rgb(${shadeOfLightness(byte).slice(0, 3).join(" ")})` });
    entry.append(name);
  }
}

const fieldCanvas = document.createElement("canvas"); // one for all: a new one takes longer than a field
const fieldContext = fieldCanvas.getContext("2d", { willReadFrequently: true });

function fieldUrl(field, width, height, shade) {
  Object.assign(fieldCanvas, { width, height });
  const image = fieldContext.createImageData(width, height), bytes = atob(field);
  const shades = Array.from({ length: 256 }, (_, byte) => shade(byte));
  for (let i = 0; i < bytes.length; i++) image.data.set(shades[bytes.charCodeAt(i)], 4 * i);
  fieldContext.putImageData(image, 0, 0);
  return fieldCanvas.toDataURL();
}

function addSymbol(parent, x, y, number) {
  const shape = { class: `class${number % CLASSES}` };
  if (number % 3 === 0) add(parent, "circle", { ...shape, cx: x, cy: y, r: 4 });
  else if (number % 3 === 1) add(parent, "rect", { ...shape, x: x - 3.6, y: y - 3.6, width: 7.2, height: 7.2 });
  else add(parent, "path", { ...shape, d: `M${x} ${y - 4.6}L${x + 4.4} ${y + 3.4}H${x - 4.4}Z` });
}

// Buttons of which one is pressed.
function addChoice(parent, label, names, choose) {
  if (names.length < 2) return;
  const group = add(parent, "div", { class: "choice", role: "group", "aria-label": label });
  const buttons = names.map(name => add(group, "button", { type: "button" }, name));
  const press = chosen => buttons.forEach((button, i) => button.setAttribute("aria-pressed", i === chosen));
  buttons.forEach((button, i) => button.addEventListener("click", () => { press(i); choose(names[i]); }));
  press(0);
}

// Axes around `width` x `height`; returns the drawing and the functions from values to places.
function addFrame(parent, data, width, height) {
  const [left, top] = [58, 8];
  const svg = addDrawing(parent, left + width + 10, top + height + 40, data.alt);
  const scale = (axis, start, length) => value =>
    start + length * (Math.min(Math.max(value, axis.low), axis.high) - axis.low) / (axis.high - axis.low);
  const x = scale(data.x, left, width), y = scale(data.y, top + height, -height);
  const bottom = top + height, middle = top + height / 2;
  for (const [value, text] of data.x.ticks) add(svg, "text", { class: "x", x: x(value), y: bottom + 15 }, text);
  for (const [value, text] of data.y.ticks) add(svg, "text", { class: "y", x: left - 6, y: y(value) + 4 }, text);
  add(svg, "text", { class: "x name", x: left + width / 2, y: bottom + 34 }, data.x.label);
  add(svg, "text", { class: "y name", transform: `translate(12 ${middle}) rotate(-90)` }, data.y.label);
  const area = { x: left, y: top, width, height };
  return { svg, x, y, area, close: () => add(svg, "rect", { class: "frame", ...area }) };
}

const scenes = {
  // Layers of units with names; weights in the order of their lines, layer by layer.
  diagram(parent, data) {
    const slots = Math.max(...data.layers.map(layer => layer.names.length + Number(layer.shortened)));
    const [down, radius] = slots <= 14 ? [27, 11.5] : [19, 8.5];
    const inner = Math.max(slots * down, 100), height = inner + 64, last = data.layers.length - 1;
    const svg = addDrawing(parent, 174 + 116 * last, height, data.alt);
    const columns = data.layers.map((layer, number) => {
      const count = layer.names.length + Number(layer.shortened), half = layer.names.length / 2;
      const start = 24 + inner / 2 - (count - 1) / 2 * down;
      const slot = i => start + (i + Number(layer.shortened && i >= half)) * down;
      return { ...layer, x: 78 + 116 * number, gap: start + half * down, ys: layer.names.map((_, i) => slot(i)) };
    });
    const lines = [], biases = [], group = add(svg, "g", { class: "weights" });
    columns.slice(1).forEach((to, number) => {
      const from = columns[number];
      from.ys.forEach((y1, i) => to.ys.forEach((y2, j) => {
        const line = add(group, "line", { x1: from.x, y1, x2: to.x, y2 });
        lines.push({ line, title: add(line, "title"), name: `${from.names[i]} to ${to.names[j]}` });
      }));
    });
    columns.forEach(({ x, ys, gap, names, shortened, biased, caption }, number) => {
      if (shortened) add(svg, "text", { class: "gap", x, y: gap + 4 }, "\u22ee");
      ys.forEach((y, i) => {
        add(add(svg, "circle", { class: "unit", cx: x, cy: y, r: radius }), "title", {}, names[i]);
        const side = number === 0 ? ["end", -radius - 6] : ["begin", radius + 6];
        if (number === 0 || number === last) {
          add(svg, "text", { class: `beside ${side[0]}`, x: x + side[1], y: y + 4 }, names[i].slice(0, 14));
        }
        const place = { class: "bias", "font-size": radius * 0.72, x, y: y + radius * 0.26 };
        if (biased) biases.push(add(svg, "text", place));
      });
      add(svg, "text", { class: "caption", x, y: height - 10 }, caption);
    });
    const circles = Array.from(svg.querySelectorAll(".unit")), names = circles.map(circle => circle.textContent);
    const drawn = []; // what the lines look like
    let chosen = "weights", now = 0;

    function draw() {
      const onLines = chosen === "activations" ? "weights" : chosen, values = data[onLines][now];
      const largest = onLines === "weights" ? data.largest : values.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-30);
      lines.forEach(({ line, title, name }, i) => {
        const width = (0.15 + 4.5 * Math.abs(values[i]) / largest).toFixed(2), look = `${width} ${values[i]}`;
        if (drawn[i] === look) return; // a change of the page takes longer than this question
        drawn[i] = look;
        line.setAttribute("stroke-width", width);
        line.setAttribute("class", values[i] < 0 ? "minus" : "plus");
        title.textContent = `${name}: ${minus(values[i])}`;
      });
      biases.forEach((text, i) => { text.textContent = minus(data.biases[now][i]); });
      const outputs = chosen === "activations" ? data.activations[now] : [];
      const strongest = outputs.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-30);
      circles.forEach((circle, i) => {
        const share = outputs.length ? 100 * STRONGEST * Math.abs(outputs[i]) / strongest : 0;
        const name = outputs[i] < 0 ? "negative" : "positive";
        circle.style.fill = share ? `color-mix(in srgb, var(--${name}) ${share.toFixed(0)}%, var(--paper))` : "";
        circle.firstChild.textContent = outputs.length ? `${names[i]}: ${minus(outputs[i])}` : names[i];
      });
    }

    const kinds = ["weights", "gradients", "updates", "activations"].filter(kind => data[kind]?.[0]?.length);
    addChoice(parent, "What the diagram shows", kinds, kind => { chosen = kind; draw(); });
    return index => { now = index; draw(); };
  },

  // Rows of numbers, block beside block: hidden units and outputs.
  heat(parent, data) {
    const table = add(parent, "table", { class: "cells" });
    add(table, "caption", {}, data.alt);
    const head = add(table, "thead"), titles = add(head, "tr"), names = add(head, "tr"), body = add(table, "tbody");
    add(titles, "td");
    add(names, "th", { scope: "col" }, "row");
    for (const block of data.blocks) {
      add(titles, "th", { scope: "colgroup", colspan: block.columns.length }, block.title);
      block.columns.forEach(name => add(names, "th", { scope: "col" }, name));
    }
    add(titles, "td");
    add(names, "th", { scope: "col" }, "target");
    const cells = data.blocks.flatMap((block, number) => block.columns.map(() => number));
    const rows = data.rows.map((name, i) => {
      const row = add(body, "tr");
      add(row, "th", { scope: "row" }, name);
      const shown = cells.map(block => ({ cell: add(row, "td"), block }));
      add(row, "td", { class: "target" }, data.targets[i]);
      return shown;
    });
    const drawn = []; // what the cells look like
    return index => rows.flat().forEach(({ cell, block }, i) => {
      const value = data.values[index][i] / 100;
      const share = 100 * data.strongest * Math.min(Math.abs(value) / data.blocks[block].largest, 1);
      const name = value < 0 ? "negative" : "positive", look = `${value} ${share.toFixed(0)}`;
      if (drawn[i] === look) return;
      drawn[i] = look;
      cell.style.background = `color-mix(in srgb, var(--${name}) ${share.toFixed(0)}%, transparent)`;
      cell.textContent = minus(value.toFixed(2));
    });
  },

  // The output over two inputs, with the training rows as symbols of their class.
  plane(parent, data) {
    const { svg, x, y, area, close } = addFrame(parent, data, 300, 300);
    const image = add(svg, "image", { ...area, preserveAspectRatio: "none" });
    close();
    const points = add(svg, "g", { class: "points" });
    for (const [a, b, number] of data.points) addSymbol(points, x(a), y(b), number);
    if (data.legend.length) {
      const legend = add(parent, "p", { class: "legend" });
      data.legend.forEach((name, number) => {
        const entry = add(legend, "span");
        const swatch = { class: "swatch", viewBox: "-6 -6 12 12", "aria-hidden": "true" };
        addSymbol(add(entry, "svg", swatch), 0, 0, number);
        entry.append(name);
      });
    }
    const shade = data.classes ? shadeOfClass(150) : shadeOfSign("class0", "class1", 150);
    return index => image.setAttribute("href", fieldUrl(data.fields[index], data.grid, data.grid, shade));
  },

  // The outputs over one input, with the training rows.
  curve(parent, data) {
    const { svg, x, y, close } = addFrame(parent, data, 470, 300);
    close();
    const points = add(svg, "g", { class: "points faint" });
    for (const [a, b] of data.points) add(points, "circle", { cx: x(a), cy: y(b), r: 2.2 });
    const paths = data.outputs[0].map((_, i) => add(svg, "path", { class: `curve c${i} d${i}` }));
    return index => paths.forEach((path, i) => {
      const places = data.outputs[index][i].map((value, j) => [data.along[j], value]);
      const finite = places.filter(([, value]) => value !== null);
      path.setAttribute("d", finite.map(([a, b], j) => `${j ? "L" : "M"}${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join(""));
    });
  },

  // A table: a row per layer, a column per quantity, with its course over the moments.
  health(parent, data) {
    const table = add(add(parent, "div", { class: "scroll" }), "table", { class: "health" });
    add(table, "caption", {}, data.alt);
    const head = add(add(table, "thead"), "tr"), body = add(table, "tbody");
    add(head, "th", { scope: "col" }, "layer");
    data.columns.forEach(name => add(head, "th", { scope: "col" }, name));
    const cells = data.layers.flatMap(name => {
      const row = add(body, "tr");
      add(row, "th", { scope: "row" }, name);
      return data.columns.map(column => {
        const cell = add(row, "td"), text = add(cell, "span");
        const svg = add(cell, "svg", { class: "spark", viewBox: "0 0 60 16", preserveAspectRatio: "none", "aria-hidden": "true" });
        return { text, share: SHARES.includes(column), line: add(svg, "path", { class: "curve c0" }), now: add(svg, "path", { class: "cursor" }) };
      });
    });
    return index => cells.forEach(({ text, share, line, now }, i) => {
      const course = data.values.map(moment => moment[i]), value = course[index];
      text.textContent = share && value !== null ? `${Math.round(100 * value)} %` : formatNumber(value === null ? null : Number(value.toPrecision(2)), 2);
      const height = v => (share ? v : Math.log10(v)), shown = course.map(v => v !== null && (share || v > 0));
      const heights = course.map(height).filter((_, j) => shown[j]);
      const low = share ? 0 : heights.reduce((a, b) => Math.min(a, b), Infinity), high = share ? 1 : heights.reduce((a, b) => Math.max(a, b), -Infinity);
      const x = j => 1 + 58 * j / Math.max(course.length - 1, 1), y = v => 14 - 12 * (high > low ? (height(v) - low) / (high - low) : 0.5);
      line.setAttribute("d", linePath(course.map((_, j) => j), course.map((v, j) => (shown[j] ? v : null)), { x, y, shows: v => v !== null }));
      now.setAttribute("d", `M${x(index).toFixed(1)} 0V16`);
    });
  },

  // Images beside each other: the weights of the first layer, or what a layer makes of an image.
  filters(parent, data) {
    const image = add(parent, "img", { class: "pixels", alt: data.alt, width: 6 * data.width, height: 6 * data.height });
    const shade = data.signed ? shadeOfLightness : shadeOfSign("negative", "positive", 255);
    if (data.signed) addLightnessLegend(parent);
    return index => { image.src = fieldUrl(data.fields[index], data.width, data.height, shade); };
  },
};

// A slider through the moments of a network. In a report they are all there; a live page appends
// them, and follows the newest unless a person stands at an older one.

class Replay {
  constructor(element) {
    this.element = element;
    this.views = element.querySelector(".views");
    this.player = element.querySelector(".player");
    this.input = element.querySelector(".player input");
    this.play = element.querySelector(".play");
    this.label = element.querySelector(".moment-label");
    this.epochs = []; // until there is a moment, which a page of questions never has
    this.timer = 0;
    this.input.addEventListener("input", () => { this.stop(); this.move(Number(this.input.value)); });
    this.play.addEventListener("click", () => (this.timer ? this.stop() : this.start()));
    addEventListener("beforeprint", () => { if (this.last >= 0) { this.stop(); this.move(this.last); } });
    darkScheme.addEventListener("change", () => { if (this.last >= 0) this.show(this.index); });
  }

  get last() { return this.epochs.length - 1; }

  // Scenes with all their moments: { epochs, labels, scenes }.
  load({ epochs, labels, scenes: data }) {
    Object.assign(this, { epochs, labels, data });
    const places = Array.from(this.views.querySelectorAll(".drawing"));
    this.draw = data.map((scene, i) => {
      const place = places[i] ?? this.addView(scene);
      place.replaceChildren();
      return scenes[scene.kind](place, scene);
    });
    if (this.last >= 0) this.show(this.last);
    this.player.hidden = this.last < 1;
  }

  // Scenes without moments: what was shown is removed.
  reset(data) {
    this.stop();
    this.views.replaceChildren();
    this.waiting = data;
    this.epochs = [];
    this.player.hidden = true;
  }

  addView(scene) {
    const figure = add(this.views, "figure", { class: `view of-${scene.kind}` });
    const place = add(figure, "div", { class: "drawing" }), caption = add(figure, "figcaption");
    caption.append(scene.caption ?? "");
    if (scene.formula) { caption.append(" "); add(caption, "code", {}, scene.formula); }
    return place;
  }

  // One more moment: of each scene the keys that move, lists with one entry or values for all moments.
  append({ epoch, label, scenes: moving }) {
    if (this.waiting) {
      const data = this.waiting.map((scene, i) => ({ ...scene, ...moving[i] }));
      this.waiting = undefined;
      this.load({ epochs: [epoch], labels: [label], scenes: data });
      return;
    }
    const follows = this.index === this.last && !this.timer;
    this.data.forEach((scene, i) => {
      for (const [key, value] of Object.entries(moving[i])) {
        if (scene.by_moment.includes(key)) scene[key].push(value[0]);
        else scene[key] = typeof value === "number" ? Math.max(scene[key], value) : value;
      }
    });
    this.epochs.push(epoch);
    this.labels.push(label);
    if (this.epochs.length > MOST_MOMENTS) this.forget(crowdedPlace(this.epochs));
    this.player.hidden = this.last < 1;
    this.input.max = this.last;
    if (follows) this.move(this.last);
  }

  forget(place) {
    for (const scene of this.data) for (const key of scene.by_moment) scene[key].splice(place, 1);
    this.epochs.splice(place, 1);
    this.labels.splice(place, 1);
    if (this.index > place) this.index -= 1;
    this.input.value = this.index;
  }

  show(index) {
    const epoch = `epoch ${this.epochs[index].toLocaleString("en")}`;
    this.index = index;
    this.draw.forEach(moment => moment(index));
    this.label.firstElementChild.textContent = epoch;
    this.label.lastElementChild.textContent = this.labels[index];
    this.input.max = this.last;
    this.input.value = index;
    this.input.setAttribute("aria-valuetext", `${epoch}: ${this.labels[index]}`);
  }

  move(index) {
    this.show(index);
    document.dispatchEvent(new CustomEvent("moment", { detail: this.epochs[index] }));
  }

  stop() {
    clearInterval(this.timer);
    this.timer = 0;
    this.play.textContent = "Play";
    this.play.setAttribute("aria-pressed", "false");
  }

  start() {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.move(this.index === this.last ? 0 : this.index);
    this.timer = setInterval(() => {
      this.move(Math.min(this.index + 1, this.last));
      if (this.index === this.last) this.stop();
    }, calm ? CALM_PAUSE : PAUSE);
    this.play.textContent = "Pause";
    this.play.setAttribute("aria-pressed", "true");
  }
}

// The moment that is missed least: early epochs stand closer than late ones.
function crowdedPlace(epochs) {
  let best = 1, least = Infinity;
  for (let i = 1; i < epochs.length - 1; i++) {
    const gap = (epochs[i + 1] - epochs[i - 1]) / (1 + epochs[i]);
    if (gap < least) [best, least] = [i, gap];
  }
  return best;
}

// Tables: a click on a column's name sorts the rows by it, numbers first from the largest, names
// from A; what is missing comes last.

function sortBy(table, column, down) {
  const rows = Array.from(table.tBodies[0].rows);
  const numeric = table.tHead.rows[0].cells[column].classList.contains("number");
  const order = row => row.cells[column].dataset.order;
  const compare = (a, b) => {
    if (!numeric) {
      const [x, y] = [a, b].map(row => row.cells[column].textContent);
      return (down ? -1 : 1) * x.localeCompare(y, "en", { numeric: true });
    }
    const [x, y] = [order(a), order(b)];
    if (x === undefined || y === undefined) return Number(x === undefined) - Number(y === undefined);
    return down ? y - x : x - y;
  };
  table.tBodies[0].append(...rows.sort(compare));
}

function setUpTable(table) {
  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, column) => {
    const name = head.textContent;
    head.replaceChildren();
    add(head, "button", { type: "button" }, name).addEventListener("click", () => {
      const before = head.getAttribute("aria-sort");
      const down = before ? before === "ascending" : head.classList.contains("number");
      heads.forEach(cell => cell.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      sortBy(table, column, down);
    });
  });
}

document.querySelectorAll("figure.chart").forEach(figure => new Chart(figure, parsed(figure)));
document.querySelectorAll(".replay:has(> script)").forEach(element => new Replay(element).load(parsed(element)));
document.querySelectorAll("table[data-sortable]").forEach(setUpTable);
