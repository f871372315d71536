// Asks a trained network: what is drawn, or what the sliders say, goes to the program.

const SIDE = 112, PEN = 9, KEY_STEP = 4; // dots of the board: its side, the pen, and a step by key
const board = document.querySelector("#board"), canvas = board.querySelector("canvas"), pen = board.querySelector(".pen");
const sliders = document.querySelector("#sliders"), wrong = document.querySelector(".wrong");
const ink = canvas.getContext("2d", { willReadFrequently: true });
let asking = false, again = false;

// One question at a time; what changed meanwhile is asked next.
async function ask() {
  if (asking) { again = true; return; }
  asking = true;
  try {
    showAnswers(await act("answer", board.hidden ? { values: values() } : { ink: inkText() }));
    wrong.textContent = "";
  } catch (error) {
    wrong.textContent = error instanceof TypeError ? "The program has ended: start nnlab play again." : error.message;
  }
  asking = false;
  if (again) { again = false; ask(); }
}

function showAnswers({ answers, decision, maps }) {
  document.querySelector(".decision").textContent = decision;
  const bars = document.querySelector(".bars"), views = document.querySelector(".maps");
  bars.replaceChildren();
  for (const { name, text, share } of answers) {
    const bar = add(bars, "div", { class: "bar" });
    add(bar, "span", { class: "name" }, name);
    add(add(bar, "span", { "aria-hidden": "true" }), "div", { class: "length" }).style.width = `${100 * share}%`;
    add(bar, "span", { class: "number" }, text);
  }
  views.replaceChildren();
  for (const scene of maps) {
    const figure = add(views, "figure", { class: "view of-filters" }), place = add(figure, "div", { class: "drawing" });
    scenes.filters(place, scene)(0);
    const image = place.querySelector("img");
    image.width = scene.zoom * scene.width;
    image.height = scene.zoom * scene.height;
    add(figure, "figcaption", {}, scene.caption);
  }
}

// The board: strokes with the pointer or with keys.

let last, isDown = false; // the last place of a stroke, and whether the pen of the keys is down
const place = { x: SIDE / 2, y: SIDE / 2 }; // of the pen that keys move

function stroke(x, y) {
  ink.strokeStyle = "#000";
  Object.assign(ink, { lineWidth: PEN, lineCap: "round", lineJoin: "round" });
  ink.beginPath();
  ink.moveTo(last?.x ?? x, last?.y ?? y);
  ink.lineTo(x, y + 0.01);
  ink.stroke();
  last = { x, y };
}

// The ink is black; how much of a dot it covers is the opacity there.
function inkText() {
  const { data } = ink.getImageData(0, 0, SIDE, SIDE);
  let text = "";
  for (let i = 3; i < data.length; i += 4) text += String.fromCharCode(data[i]);
  return btoa(text);
}

const dots = event => {
  const box = canvas.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width * SIDE, (event.clientY - box.top) / box.height * SIDE];
};

canvas.addEventListener("pointerdown", event => {
  event.preventDefault();
  canvas.focus({ preventScroll: true });
  pen.hidden = true;
  canvas.setPointerCapture(event.pointerId);
  last = undefined;
  stroke(...dots(event));
  ask();
});
canvas.addEventListener("pointermove", event => {
  if (!canvas.hasPointerCapture(event.pointerId)) return;
  for (const part of event.getCoalescedEvents?.() ?? [event]) stroke(...dots(part));
  ask();
});

function wipe() {
  ink.clearRect(0, 0, SIDE, SIDE);
  last = undefined;
  ask();
}

function showPen() {
  pen.hidden = false;
  pen.classList.toggle("down", isDown);
  Object.assign(pen.style, { left: `${100 * place.x / SIDE}%`, top: `${100 * place.y / SIDE}%` });
}

const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
canvas.addEventListener("keydown", event => {
  const move = MOVES[event.key];
  if (!move && event.key !== " " && event.key !== "Escape") return;
  event.preventDefault();
  if (event.key === "Escape") { wipe(); return; }
  if (event.key === " ") {
    isDown = !isDown;
    last = undefined;
  } else {
    place.x = Math.min(Math.max(place.x + KEY_STEP * move[0], 0), SIDE);
    place.y = Math.min(Math.max(place.y + KEY_STEP * move[1], 0), SIDE);
  }
  if (isDown) { stroke(place.x, place.y); ask(); }
  showPen();
});
document.querySelector("#wipe").addEventListener("click", wipe);

// Sliders and menus for the inputs of a table.

const values = () => Array.from(sliders.querySelectorAll("input, select"), field =>
  (field.tagName === "SELECT" ? field.value : Number(field.value)));

function addSlider({ name, choices, low, high, step, value }) {
  const label = add(sliders, "label", { class: "slider" });
  add(label, "span", {}, name);
  const shown = add(label, "output");
  if (choices.length) {
    const menu = add(label, "select");
    for (const [choice, text] of choices) {
      // An option without a value would lose spaces: two in a row are one in its text.
      add(menu, "option", { value: choice, ...(choice === value && { selected: "" }) }, text);
    }
    menu.addEventListener("change", ask);
    return;
  }
  const input = add(label, "input", { type: "range", min: low, max: high, step });
  input.value = value;
  const show = () => { shown.textContent = step === 1 ? input.value : formatNumber(Number(input.value)); };
  input.addEventListener("input", () => { show(); ask(); });
  show();
}

async function begin() {
  const form = await act("form");
  document.querySelector(".story").textContent = form.story;
  board.hidden = !form.draws;
  sliders.hidden = form.draws;
  form.sliders.forEach(addSlider);
  if (!form.draws) ask();
}

sliders.addEventListener("submit", event => event.preventDefault());
begin();
