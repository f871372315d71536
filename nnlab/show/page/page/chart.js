// A chart answers the pointer and the keyboard: the epoch nearest to it, and each curve's value.
"use strict";

function nearest(places, at) {
  let low = 0, high = places.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (places[middle] < at) low = middle; else high = middle;
  }
  return at - places[low] <= places[high] - at ? low : high;
}

function stand(line, at) {
  line.setAttribute("x1", at);
  line.setAttribute("x2", at);
  line.setAttribute("visibility", "visible");
}

function setUpChart(figure) {
  const data = JSON.parse(figure.querySelector("script").textContent);
  const svg = figure.querySelector("svg.plot"), cursor = svg.querySelector(".cursor");
  const reading = figure.querySelector(".reading"), input = figure.querySelector("input");
  const unit = figure.querySelector(".name").textContent;

  function show(index) {
    const values = data.labels.map((label, i) => `${label} ${data.values[i][index]}`);
    const text = `${unit} ${data.epochs[index].toLocaleString("en")}: ${values.join(", ")}`;
    stand(cursor, data.places[index]);
    reading.textContent = text;
    input.value = index;
    input.setAttribute("aria-valuetext", text);
  }

  svg.addEventListener("pointermove", event => {
    const box = svg.getBoundingClientRect();
    show(nearest(data.places, (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width));
  });
  input.addEventListener("input", () => show(Number(input.value)));
  const rescale = figure.querySelector(".rescale");
  if (rescale) rescale.addEventListener("click", () => {
    const log = figure.dataset.scale !== "log";
    figure.dataset.scale = log ? "log" : "linear";
    rescale.setAttribute("aria-pressed", log);
  });
  // The slider through the epochs says where it stands.
  document.addEventListener("moment", event => {
    const at = nearest(data.epochs, event.detail);
    stand(svg.querySelector(".moment"), data.places[at]);
  });
  figure.querySelector(".controls").hidden = false;
}

document.querySelectorAll("figure.chart").forEach(setUpChart);
