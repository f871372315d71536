// A click on a column's name sorts the rows by it: numbers first large, names first A; what is
// missing comes last.
"use strict";

function orderOf(cell) {
  const order = cell.dataset.order;
  return order === undefined ? null : Number(order);
}

function sortBy(table, column, down) {
  const body = table.tBodies[0], rows = Array.from(body.rows);
  const numeric = table.tHead.rows[0].cells[column].classList.contains("number");
  const compare = numeric
    ? (a, b) => {
      const x = orderOf(a.cells[column]), y = orderOf(b.cells[column]);
      if (x === null || y === null) return (x === null) - (y === null);
      return down ? y - x : x - y;
    }
    : (a, b) => {
      const order = a.cells[column].textContent.localeCompare(b.cells[column].textContent, "en", { numeric: true });
      return down ? -order : order;
    };
  rows.sort(compare).forEach(row => body.append(row));
}

function setUpTable(table) {
  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, column) => {
    const numeric = head.classList.contains("number");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const before = head.getAttribute("aria-sort");
      const down = before ? before === "ascending" : numeric;
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      sortBy(table, column, down);
    });
  });
}

document.querySelectorAll("table[data-sortable]").forEach(setUpTable);
