// A live page: it asks for news, and each kind of message has a receiver. What a page can ask for is `act`.

const CALM = 2000; // milliseconds between questions of a hidden page
const liveReplay = new Replay(document.querySelector(".replay"));
const liveCharts = new Map();

const receivers = {
  // The state of the training: its numbers, and how it ended.
  page({ story, numbers, ended }) {
    document.querySelector(".story").textContent = story;
    const list = document.querySelector(".key");
    if (list.children.length !== numbers.length) {
      list.replaceChildren();
      for (const _ of numbers) {
        const entry = add(list, "div");
        add(entry, "dt");
        add(entry, "dd");
      }
    }
    numbers.forEach((pair, i) => pair.forEach((text, j) => { list.children[i].children[j].textContent = text; }));
    document.body.classList.toggle("ended", ended);
  },

  charts({ charts }) {
    const place = document.querySelector(".charts");
    for (const data of charts) {
      const chart = liveCharts.get(data.title);
      if (chart) chart.update(data);
      else liveCharts.set(data.title, new Chart(add(place, "figure", { class: "chart" }), data));
    }
    for (const [title, chart] of liveCharts) {
      if (charts.some(data => data.title === title)) continue;
      chart.figure.remove();
      liveCharts.delete(title);
    }
  },

  findings(message) { showFindings(message, addCommand); },

  scenes({ scenes: data, note }) {
    document.querySelector("#learned").hidden = !data.length && !note;
    document.querySelector(".note").textContent = note ?? "";
    liveReplay.reset(data);
  },

  moment(message) { liveReplay.append(message); },

  // A table, sorted as the reader chose.
  trials({ table }) {
    const place = document.querySelector(".trials");
    const head = place.querySelector("[aria-sort]");
    const sorted = head && [head.cellIndex, head.getAttribute("aria-sort") === "descending"];
    place.replaceChildren();
    addTable(place, table);
    if (sorted) {
      const cell = place.querySelectorAll("thead th")[sorted[0]];
      cell.setAttribute("aria-sort", sorted[1] ? "descending" : "ascending");
      sortBy(place.querySelector("table"), ...sorted);
    }
  },
};

const addCommand = (place, text) => add(place, "pre", { tabindex: 0 }, text);

// Findings as the report has them, to be opened; one that was open stays so, and keeps the focus.
const openFindings = new Set();
let shownFindings = "";
function showFindings({ findings }, addRemedy) {
  const text = JSON.stringify(findings);
  if (text === shownFindings) return;
  shownFindings = text;
  const place = document.querySelector(".findings"), focus = document.activeElement;
  const at = [...place.querySelectorAll("summary, pre, button")].indexOf(focus);
  document.querySelector("#findings").hidden = !findings.length;
  place.replaceChildren();
  for (const finding of findings) addFinding(place, finding, addRemedy);
  if (at >= 0) place.querySelectorAll("summary, pre, button")[at]?.focus({ preventScroll: true });
}

function addFinding(place, finding, addRemedy) {
  const { sentence, certainty, place: since, evidence, why, remedies, advice } = finding;
  const details = add(place, "details", { class: "finding", ...(openFindings.has(sentence) && { open: "" }) });
  details.addEventListener("toggle", () => (details.open ? openFindings.add(sentence) : openFindings.delete(sentence)));
  add(details, "summary", {}, sentence);
  add(details, "p", { class: "sure" }, [certainty, since].filter(Boolean).join(" \u00b7 "));
  const list = add(details, "ul");
  for (const line of evidence) add(list, "li", {}, line);
  add(details, "p", {}, why);
  if (advice) add(details, "p", {}, advice);
  if (remedies.length) add(details, "p", { class: "sure" }, remedies.length > 1 ? "To try, each line by itself:" : "To try:");
  remedies.forEach((text, number) => addRemedy(details, text, number, finding));
}

function addTable(place, { caption, header, rows }) {
  const scroll = add(place, "div", { class: "scroll wide", tabindex: 0, role: "region", "aria-label": caption });
  const table = add(scroll, "table", { class: "data runs" });
  add(table, "caption", {}, caption);
  const numeric = header.map((_, i) => rows.some(row => row[i].order !== null));
  const head = add(add(table, "thead"), "tr"), body = add(table, "tbody");
  header.forEach((name, i) => add(head, "th", { scope: "col", ...(numeric[i] && { class: "number" }) }, name));
  for (const row of rows) {
    const line = add(body, "tr");
    row.forEach(({ text, order }, i) => {
      const attributes = order === null ? {} : { class: "number", "data-order": order };
      add(line, i ? "td" : "th", i ? attributes : { scope: "row", ...attributes }, text);
    });
  }
  if (rows.length > 1) setUpTable(table);
}

// What the page asks of the program: a promise of its answer.
async function act(name, body = {}) {
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(`do/${name}`, { method: "POST", headers, body: JSON.stringify(body) });
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.error);
  return content;
}

// What is newer than a version; undefined where the program has ended.
async function newsAfter(version) {
  try {
    return await (await fetch(`news?after=${version}`)).json();
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error; // a mistake of this page, not of the connection
  }
}

const nextFrame = () => new Promise(done => (document.hidden ? setTimeout(done, CALM) : requestAnimationFrame(done)));

// While an answer is drawn the next question waits for its own: one question at a time. So a slow page
// gets the newest, and skips what is outdated.
async function askForNews() {
  let news = await newsAfter(0);
  while (news && !news.messages.some(message => message.kind === "end")) {
    const next = newsAfter(news.version);
    for (const message of news.messages) receivers[message.kind]?.(message);
    await nextFrame();
    news = await next;
  }
  for (const message of news?.messages ?? []) receivers[message.kind]?.(message);
  add(document.querySelector("footer"), "p", { role: "status" }, "The program has ended; this page stays as it is.");
  document.dispatchEvent(new CustomEvent("ended"));
}

askForNews();
