// What a page does by itself: curves that answer, a slider through the epochs, tables that sort.
// The JSON in the page holds the records and snapshots; `scenes` draws them, one function per kind.
"use strict";

const SVG = "http://www.w3.org/2000/svg"; // the name of a language, never loaded
const PAUSE = 180, CALM_PAUSE = 600; // milliseconds from one moment to the next
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

// Curves: a line at the epoch that is read, and the value of each curve there.

function setUpChart(figure) {
  const data = parsed(figure);
  const reading = figure.querySelector(".reading"), input = figure.querySelector("input");
  const plots = Array.from(figure.querySelectorAll(".plot"));

  // Each plot has its own frame: the place of the axes in the picture, and its lowest and highest x.
  function stand(name, place) {
    plots.forEach((plot, i) => {
      const { left, right, top, bottom, low, high } = data.frames[i];
      const x = left + (place - low) / (high - low) * (right - left);
      plot.querySelector(name).setAttribute("d", `M${x.toFixed(2)} ${top}V${bottom}`);
    });
  }

  function show(index) {
    const values = data.labels.map((label, i) => `${label} ${data.values[i][index]}`);
    const text = `${data.unit} ${data.places[index].toLocaleString("en")}: ${values.join(", ")}`;
    stand(".cursor", data.places[index]);
    reading.textContent = text;
    input.value = index;
    input.setAttribute("aria-valuetext", text);
  }

  plots.forEach((plot, i) => plot.addEventListener("pointermove", event => {
    const box = plot.getBoundingClientRect(), { left, right, low, high } = data.frames[i];
    const x = (event.clientX - box.left) / box.width * plot.querySelector("svg").viewBox.baseVal.width;
    show(nearest(data.places, low + (x - left) / (right - left) * (high - low)));
  }));
  input.addEventListener("input", () => show(Number(input.value)));
  const rescale = figure.querySelector(".rescale");
  if (rescale) rescale.addEventListener("click", () => {
    const log = figure.dataset.scale !== "log";
    figure.dataset.scale = log ? "log" : "linear";
    rescale.setAttribute("aria-pressed", log);
  });
  if (data.unit === "epoch") document.addEventListener("moment", event => stand(".moment", event.detail));
  figure.querySelector(".controls").hidden = false;
}

// Scenes: each draws what stays and returns a function that draws one moment.

const color = name => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const channels = name => [1, 3, 5].map(i => parseInt(color(name).slice(i, i + 2), 16));

// A field is a picture of one byte per place: a class and its shade, or a sign and its size.
function fieldUrl(field, width, height, { classes, negative, positive, strongest }) {
  const canvas = document.createElement("canvas"), context = canvas.getContext("2d");
  Object.assign(canvas, { width, height });
  const image = context.createImageData(width, height), bytes = atob(field);
  const palette = classes
    ? Array.from({ length: CLASSES }, (_, i) => channels(`class${i}`))
    : [channels(negative), channels(positive)];
  for (let i = 0; i < bytes.length; i++) {
    const value = bytes.charCodeAt(i), size = Math.abs(value - 127) / 127;
    const [rgb, share] = classes
      ? [palette[Math.floor(value / SHADES)], value % SHADES / (SHADES - 1)]
      : [palette[Number(value >= 127)], size ** 0.8];
    image.data.set([...rgb, Math.round(strongest * share)], 4 * i);
  }
  context.putImageData(image, 0, 0);
  return canvas.toDataURL();
}

function addSymbol(parent, x, y, number) {
  const shape = { class: `class${number % CLASSES}` };
  if (number % 3 === 0) add(parent, "circle", { ...shape, cx: x, cy: y, r: 4 });
  else if (number % 3 === 1) add(parent, "rect", { ...shape, x: x - 3.6, y: y - 3.6, width: 7.2, height: 7.2 });
  else add(parent, "path", { ...shape, d: `M${x} ${y - 4.6}L${x + 4.4} ${y + 3.4}H${x - 4.4}Z` });
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
    return index => {
      lines.forEach(({ line, title, name }, i) => {
        const weight = data.weights[index][i];
        line.setAttribute("stroke-width", (0.15 + 4.5 * Math.abs(weight) / data.largest).toFixed(2));
        line.setAttribute("class", weight < 0 ? "minus" : "plus");
        title.textContent = `${name}: ${minus(weight)}`;
      });
      biases.forEach((text, i) => { text.textContent = minus(data.biases[index][i]); });
    };
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
    return index => rows.flat().forEach(({ cell, block }, i) => {
      const value = data.values[index][i] / 100;
      const share = 100 * data.strongest * Math.min(Math.abs(value) / data.blocks[block].largest, 1);
      const name = value < 0 ? "negative" : "positive";
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
    const colors = { classes: data.classes, negative: "class0", positive: "class1", strongest: 150 };
    return index => image.setAttribute("href", fieldUrl(data.fields[index], data.grid, data.grid, colors));
  },

  // The outputs over one input, with the training rows.
  curve(parent, data) {
    const { svg, x, y, close } = addFrame(parent, data, 470, 300);
    close();
    const points = add(svg, "g", { class: "points faint" });
    for (const [a, b] of data.points) add(points, "circle", { cx: x(a), cy: y(b), r: 2.2 });
    const paths = data.outputs[0].map((_, i) => add(svg, "path", { class: `curve c${i}` }));
    return index => paths.forEach((path, i) => {
      const places = data.outputs[index][i].map((value, j) => [data.along[j], value]);
      const finite = places.filter(([, value]) => value !== null);
      path.setAttribute("d", finite.map(([a, b], j) => `${j ? "L" : "M"}${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join(""));
    });
  },

  // The weights of the first layer as images, unit beside unit.
  filters(parent, data) {
    const image = add(parent, "img", { class: "pixels", alt: data.alt, width: 6 * data.width, height: 6 * data.height });
    const colors = { negative: "negative", positive: "positive", strongest: 255 };
    return index => { image.src = fieldUrl(data.fields[index], data.width, data.height, colors); };
  },
};

function setUpReplay(replay) {
  const data = parsed(replay), last = data.epochs.length - 1;
  const input = replay.querySelector(".player input"), play = replay.querySelector(".play");
  const label = replay.querySelector(".moment-label");
  const draw = Array.from(replay.querySelectorAll(".drawing"), (place, i) => {
    place.replaceChildren();
    return scenes[data.scenes[i].kind](place, data.scenes[i]);
  });
  let timer = 0;

  function show(index) {
    const epoch = `epoch ${data.epochs[index].toLocaleString("en")}`;
    draw.forEach(moment => moment(index));
    label.firstElementChild.textContent = epoch;
    label.lastElementChild.textContent = data.labels[index];
    input.value = index;
    input.setAttribute("aria-valuetext", `${epoch}: ${data.labels[index]}`);
  }

  function move(index) {
    show(index);
    document.dispatchEvent(new CustomEvent("moment", { detail: data.epochs[index] }));
  }

  function stop() {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
    play.setAttribute("aria-pressed", "false");
  }

  function start() {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    let index = Number(input.value) === last ? 0 : Number(input.value);
    move(index);
    timer = setInterval(() => {
      move(++index);
      if (index === last) stop();
    }, calm ? CALM_PAUSE : PAUSE);
    play.textContent = "Pause";
    play.setAttribute("aria-pressed", "true");
  }

  input.addEventListener("input", () => { stop(); move(Number(input.value)); });
  play.addEventListener("click", () => (timer ? stop() : start()));
  addEventListener("beforeprint", () => { stop(); move(last); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show(Number(input.value)));
  show(last);
  replay.querySelector(".player").hidden = false;
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

document.querySelectorAll("figure.chart").forEach(setUpChart);
document.querySelectorAll(".replay").forEach(setUpReplay);
document.querySelectorAll("table[data-sortable]").forEach(setUpTable);
