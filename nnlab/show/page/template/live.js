// A live page: it asks for news, and each kind of message has a receiver. What a page can ask for is `act`.

const CALM = 2000, PATIENCE = 1000; // milliseconds between questions of a hidden page, and after a failure
const liveReplay = new Replay(document.querySelector(".replay"));
const liveCharts = new Map();

const receivers = {
  // The state of the training: its numbers, and how it ended.
  page({ story, numbers, ended }) {
    document.querySelector(".story").textContent = story;
    const list = document.querySelector(".key");
    list.replaceChildren();
    for (const [name, text] of numbers) {
      const entry = add(list, "div");
      add(entry, "dt", {}, name);
      add(entry, "dd", {}, text);
    }
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

  findings({ findings }) {
    document.querySelector("#findings").hidden = !findings.length;
    const place = document.querySelector(".findings");
    place.replaceChildren();
    for (const finding of findings) addFinding(place, finding);
  },

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

function addFinding(place, { sentence, evidence, why, remedies, advice, epoch, sure }) {
  const details = add(place, "details", { class: "finding" });
  const since = epoch === null || epoch === undefined ? "" : ` (since epoch ${epoch.toLocaleString("en")})`;
  add(details, "summary", {}, `${sentence}${since}`);
  add(details, "p", {}, `${evidence.join(" ")} ${Math.round(100 * sure)} % sure.`);
  add(details, "p", {}, why);
  for (const remedy of remedies) add(details, "pre", { tabindex: 0 }, remedy.map(setting => `--set ${setting}`).join(" "));
  if (advice) add(details, "p", {}, advice);
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

// The next question follows the answer: a slow page gets the newest, and skips what is outdated.
async function askForNews() {
  let version = 0, ended = false;
  while (!ended) {
    try {
      const answer = await fetch(`news?after=${version}`);
      const { version: newest, messages } = await answer.json();
      version = newest;
      for (const message of messages) {
        if (message.kind === "end") ended = true; else receivers[message.kind]?.(message);
      }
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // a mistake of this page, not of the connection
      ended = true;
    }
    if (!ended) await new Promise(done => (document.hidden ? setTimeout(done, CALM) : requestAnimationFrame(done)));
  }
  add(document.querySelector("footer"), "p", { role: "status" }, "The program has ended; this page stays as it is.");
  document.dispatchEvent(new CustomEvent("ended"));
}

askForNews();
