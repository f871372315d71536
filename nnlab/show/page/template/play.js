// The playground: settings to the program, and back into the form and the address of the page.
// A setting is a text key=value, as for --set; what differs from the start stands in the address.

const reply = document.querySelector(".reply"), wrong = document.querySelector(".wrong");
const playButton = document.querySelector("#play"), speed = document.querySelector("#speed");
const settingsForm = document.querySelector("#settings form");
const OPEN = new Set(["", "data", "network", "optimizer", "training"]); // sections, at first
let pairs = [], network = [], kinds = {}, shownForm = "";

const keyOf = pair => pair.slice(0, pair.indexOf("="));
const fromAddress = () => location.hash.slice(1).split("&").filter(Boolean).map(decodeURIComponent);

// Asks the program, and shows its answer or what is wrong; resolves to the answer, or to undefined.
async function request(name, body, input) {
  if (name === "keep") reply.textContent = "Training it again from the start, as nnlab train does.";
  try {
    const answer = await act(name, body);
    wrong.textContent = "";
    reply.textContent = answer.note ?? "";
    if (answer.pairs) take(answer.pairs);
    if (answer.form) receivers.form(answer.form);
    return answer;
  } catch (error) {
    reply.textContent = "";
    wrong.textContent = error instanceof TypeError ? "The program has ended: start nnlab play again." : error.message;
    input?.setAttribute("aria-invalid", "true");
    return undefined;
  }
}

// The settings that differ from the start, and the address that holds them.
function take(newPairs) {
  pairs = newPairs;
  const hash = pairs.map(encodeURIComponent).join("&");
  if (location.hash.slice(1) !== hash) history.replaceState(null, "", `${location.pathname}${hash && `#${hash}`}`);
}

// Changes follow each other: each begins from the settings that the one before has left.
let changes = Promise.resolve();
const inTurn = change => { changes = changes.then(change); };

// Sets a setting; `value` is a text, or a function of no arguments that makes it when its turn comes.
function set(key, value, input) {
  inTurn(async () => {
    const text = typeof value === "function" ? value() : value;
    if (text === undefined) return;
    const others = pairs.filter(pair => keyOf(pair) !== key);
    await request("set", { pairs: [...others, `${key}=${text}`] }, input);
  });
}

function addMenu(parent, id, names, chosen, attributes = {}) {
  const menu = add(parent, "select", { "data-id": id, ...attributes });
  const shown = names.includes(chosen) ? names : [chosen, ...names]; // weights of another run have no name
  for (const name of shown) add(menu, "option", name === chosen ? { selected: "" } : {}, name);
  return menu;
}

// A label with a field to type in, or a menu; `change` gets the new text and the element.
function addField(parent, { key, name, value, choices, allowed, meaning, live }, id, change) {
  const label = add(parent, "label", { class: "field", title: [meaning, `Allowed: ${allowed}.`].filter(Boolean).join(" ") });
  add(label, "span", {}, `${name.replaceAll("_", " ")}${live ? "" : " ↺"}`);
  const field = choices.length
    ? addMenu(label, id, choices, value)
    : add(label, "input", { "data-id": id, value, size: 8, autocomplete: "off", spellcheck: "false" });
  field.addEventListener("change", () => change(field.value.trim(), field));
  return field;
}

function addPart(parent, key, title, chosen) {
  const part = add(parent, "details", { class: "part", ...(OPEN.has(key) && { open: "" }) });
  const summary = add(part, "summary", { "data-id": `part ${key}` }, title);
  if (chosen) add(summary, "span", {}, ` ${chosen}`);
  part.addEventListener("toggle", () => { if (part.open) OPEN.add(key); else OPEN.delete(key); });
  return part;
}

function addSection(parent, { key, title, member, members, meaning, live, fields }) {
  const part = addPart(parent, key, title, member);
  if (members.length) {
    const label = add(part, "label", { class: "field", title: meaning });
    add(label, "span", {}, `kind${live ? "" : " ↺"}`);
    const menu = addMenu(label, key, members, member);
    menu.addEventListener("change", () => set(key, menu.value, menu));
  }
  for (const field of fields) addField(part, field, field.key, (value, input) => set(field.key, value, input));
}

// Layers: the whole list is one setting, in the form that a config has.

const isActivation = layer => kinds[layer.name]?.activation;
const changeNetwork = (change, input) => set("network", () => { // of the layers at that time
  const layers = change(network);
  return layers && JSON.stringify(layers);
}, input);

// Where a hidden layer is added or removed: before the last dense layer.
const hiddenPlace = layers => Math.max(layers.findLastIndex(layer => layer.name === "dense"), 0);

function withHiddenLayer(layers) {
  const place = hiddenPlace(layers), before = layers.slice(0, place);
  const activation = before.findLast(isActivation) ?? { name: "tanh" };
  const units = before.findLast(layer => layer.name === "dense")?.units ?? 4;
  return layers.toSpliced(place, 0, { name: "dense", units }, activation);
}

function withoutHiddenLayer(layers) {
  const place = layers.slice(0, hiddenPlace(layers)).findLastIndex(layer => layer.name === "dense");
  if (place < 0) return undefined;
  return layers.toSpliced(place, layers[place + 1] && isActivation(layers[place + 1]) ? 2 : 1);
}

function withActivation(layers, name) {
  const last = hiddenPlace(layers);
  return layers.map((layer, i) => (i < last && isActivation(layer) ? { name } : layer));
}

// The text of a field as a value of a config: a number, true, null, else a text.
function parseValue(text) {
  try { return JSON.parse(text); } catch { return text; }
}

function addNetwork(parent) {
  const part = addPart(parent, "network", "Network", network.map(layer => layer.units ?? "").filter(Boolean).join("-"));
  const buttons = add(part, "div", { class: "buttons" });
  add(buttons, "button", { type: "button", "data-id": "more layers" }, "+ hidden layer")
    .addEventListener("click", () => changeNetwork(withHiddenLayer));
  add(buttons, "button", { type: "button", "data-id": "fewer layers" }, "\u2212 hidden layer")
    .addEventListener("click", () => changeNetwork(withoutHiddenLayer));
  const activations = Object.keys(kinds).filter(name => kinds[name].activation);
  const label = add(part, "label", { class: "field" });
  add(label, "span", {}, "hidden activation ↺");
  const own = network.slice(0, hiddenPlace(network)).find(isActivation);
  const menu = addMenu(label, "activation", own ? activations : ["none"], own?.name ?? "none");
  menu.addEventListener("change", () => changeNetwork(layers => withActivation(layers, menu.value), menu));
  network.forEach((layer, index) => addLayer(part, layer, index));
}

function addLayer(part, layer, index) {
  const box = add(part, "div", { class: `layer${isActivation(layer) ? " activation" : ""}` });
  const first = add(box, "div", { class: "first" });
  const menu = addMenu(first, `kind ${index}`, Object.keys(kinds), layer.name, { "aria-label": `layer ${index}` });
  menu.title = kinds[layer.name].meaning;
  menu.addEventListener("change", () =>
    changeNetwork(layers => layers.with(index, starting(menu.value, layer)), menu));
  const remove = add(first, "button", { type: "button", "aria-label": `remove layer ${index}`, "data-id": `remove ${index}` }, "\u00d7");
  remove.addEventListener("click", () => changeNetwork(layers => layers.toSpliced(index, 1)));
  for (const field of kinds[layer.name].fields) {
    const value = layer[field.name], text = typeof value === "string" ? value : JSON.stringify(value ?? null);
    const shown = { ...field, value: text, live: true };
    const input = addField(box, shown, `layer ${index} ${field.name}`, typed =>
      changeNetwork(layers => layers.with(index, { ...layers[index], [field.name]: parseValue(typed) }), input));
  }
}

// A layer of another kind: a required setting is taken from the old layer, or is small.
function starting(name, old) {
  const required = kinds[name].fields.filter(field => field.required);
  return { name, ...Object.fromEntries(required.map(field => [field.name, old[field.name] ?? 4])) };
}

// What has the focus in the form, with a text that was typed and not sent yet.
function focused() {
  const { dataset, value, defaultValue, selectionStart, selectionEnd } = document.activeElement ?? {};
  if (!dataset?.id) return () => {};
  return () => {
    const element = settingsForm.querySelector(`[data-id="${CSS.escape(dataset.id)}"]`);
    element?.focus({ preventScroll: true });
    if (element?.defaultValue === undefined) return;
    if (value !== defaultValue) element.value = value;
    element.setSelectionRange(selectionStart, selectionEnd);
  };
}

// The form is drawn again after each change.
receivers.form = message => {
  const text = JSON.stringify(message);
  if (text === shownForm) return;
  shownForm = text;
  ({ network, layers: kinds } = message);
  const restoreFocus = focused();
  settingsForm.replaceChildren();
  for (const section of message.sections) {
    addSection(settingsForm, section);
    if (section.key === "data") addNetwork(settingsForm);
  }
  restoreFocus();
};

// A remedy of the doctor's can be applied where it consists of settings of the form.
receivers.findings = message => showFindings(message, (place, text, number, { settings }) => {
  const line = add(place, "div", { class: "remedy" });
  addCommand(line, text);
  if (!settings[number]) return;
  const button = add(line, "button", { type: "button", "aria-label": `Apply ${text}` }, "Apply");
  button.addEventListener("click", () => inTurn(() => request("apply", { pairs: settings[number] })));
});

receivers.play = message => {
  playButton.textContent = message.playing ? "Pause" : "Play";
  playButton.setAttribute("aria-pressed", message.playing);
  playButton.disabled = message.over;
  if (!restoring) take(message.pairs);
};

const chosenSpeed = () => ({ speed: Number(speed.value) });
playButton.addEventListener("click", () =>
  (playButton.getAttribute("aria-pressed") === "true" ? request("pause") : request("play", chosenSpeed())));
speed.addEventListener("change", () => {
  if (playButton.getAttribute("aria-pressed") === "true") request("play", chosenSpeed());
});
for (const button of document.querySelectorAll("[data-act]")) {
  button.addEventListener("click", () => request(button.dataset.act));
}
settingsForm.addEventListener("submit", event => event.preventDefault());

document.querySelector("#yaml").addEventListener("click", async () => {
  const answer = await request("yaml");
  if (!answer) return;
  const place = document.querySelector("#config");
  place.hidden = false;
  place.querySelector("pre").textContent = answer.yaml;
  try {
    await navigator.clipboard.writeText(answer.yaml);
  } catch { // not allowed: the text stands there
    place.open = true;
    reply.textContent = answer.note.replace(/^[^.]*copied\./i, "Copy the text below.");
  }
});

document.addEventListener("ended", () => {
  for (const control of document.querySelectorAll("#transport button, #transport select, #settings input, #settings select, #settings button")) {
    control.disabled = true;
  }
});

// An address with settings is restored before the program's own are shown in it.
let restoring = fromAddress().length > 0;
function restore() {
  const asked = fromAddress();
  inTurn(async () => {
    await request("set", { pairs: asked });
    restoring = false;
  });
}
if (restoring) restore();
addEventListener("hashchange", restore);
