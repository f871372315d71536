// The slider through the recorded epochs. The page holds the last one; this redraws what changes.
"use strict";

const PAUSE = 180, CALM_PAUSE = 600; // milliseconds from one moment to the next

function signed(number) {
  return number.replace("-", "\u2212");
}

const redraw = {
  diagram(figure, data) {
    const lines = Array.from(figure.querySelectorAll(".weights line"));
    const names = lines.map(line => line.querySelector("title").textContent.replace(/: [^:]*$/, ""));
    const biases = Array.from(figure.querySelectorAll(".bias"));
    return index => {
      lines.forEach((line, i) => {
        const weight = data.weights[index][i];
        line.setAttribute("stroke-width", (0.15 + 4.5 * Math.abs(weight) / data.largest).toFixed(2));
        line.setAttribute("class", weight < 0 ? "minus" : "plus");
        line.querySelector("title").textContent = `${names[i]}: ${signed(String(weight))}`;
      });
      biases.forEach((text, i) => { text.textContent = signed(data.biases[index][i]); });
    };
  },
  heat(figure, data) {
    const cells = Array.from(figure.querySelectorAll(".cells > g"));
    return index => cells.forEach((cell, i) => {
      const value = data.values[index][i] / 100;
      const share = Math.min(Math.abs(value) / data.largest[data.block[i]], 1);
      const [rect, text] = cell.children;
      rect.setAttribute("class", value < 0 ? "minus" : "plus");
      rect.setAttribute("fill-opacity", (share * data.strongest).toFixed(2));
      text.textContent = signed(value.toFixed(2));
    });
  },
  plane(figure, data) {
    const image = figure.querySelector("image");
    return index => image.setAttribute("href", data.pictures[index]);
  },
  curve(figure, data) {
    const paths = Array.from(figure.querySelectorAll(".answers path"));
    return index => paths.forEach((path, i) => path.setAttribute("d", data.paths[index][i]));
  },
  filters(figure, data) {
    const image = figure.querySelector("img");
    return index => { image.src = data.pictures[index]; };
  },
};

function setUpReplay(replay) {
  const data = JSON.parse(replay.querySelector(":scope > script").textContent);
  const input = replay.querySelector(".player input"), play = replay.querySelector(".play");
  const label = replay.querySelector(".moment-label");
  const figures = Array.from(replay.querySelectorAll("figure.view"));
  const views = figures.map((figure, i) => redraw[data.views[i].kind](figure, data.views[i]));
  const last = data.epochs.length - 1;
  let timer = 0;

  function show(index) {
    const epoch = `epoch ${data.epochs[index].toLocaleString("en")}`;
    views.forEach(view => view(index));
    label.firstElementChild.textContent = epoch;
    label.lastElementChild.textContent = data.labels[index];
    input.value = index;
    input.setAttribute("aria-valuetext", `${epoch}: ${data.labels[index]}`);
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
    show(index);
    timer = setInterval(() => {
      show(++index);
      if (index === last) stop();
    }, calm ? CALM_PAUSE : PAUSE);
    play.textContent = "Pause";
    play.setAttribute("aria-pressed", "true");
  }

  input.addEventListener("input", () => { stop(); show(Number(input.value)); });
  play.addEventListener("click", () => (timer ? stop() : start()));
  addEventListener("beforeprint", () => { stop(); show(last); });
  replay.querySelector(".player").hidden = false;
}

document.querySelectorAll(".replay").forEach(setUpReplay);
