"use strict";
// Sort: a click on a head's button orders the table's groups of rows; cells without a number stay last.
for (const button of document.querySelectorAll("thead button[data-column]")) {
  button.addEventListener("click", () => {
    const head = button.closest("th");
    const table = button.closest("table");
    const first = button.dataset.first || "ascending";
    const other = first === "ascending" ? "descending" : "ascending";
    const order = head.getAttribute("aria-sort") === first ? other : first;
    for (const th of table.querySelectorAll("th[aria-sort]")) th.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", order);
    const column = Number(button.dataset.column);
    const sign = order === "ascending" ? 1 : -1;
    const key = (row) => {
      const cell = row.querySelector("tr").children[column];
      return "value" in cell.dataset ? cell.dataset.value : cell.textContent.trim();
    };
    const numeric = button.dataset.kind === "number";
    const rows = Array.from(table.tBodies, (row, place) => ({ row, place, key: key(row) }));
    rows.sort((a, b) => {
      if ((a.key === "") !== (b.key === "")) return a.key === "" ? 1 : -1;
      const by = numeric ? Number(a.key) - Number(b.key) : a.key.localeCompare(b.key, undefined, { numeric: true });
      return sign * by || a.place - b.place;
    });
    for (const { row } of rows) table.append(row);
  });
}
// Switch: everything that belongs to one selection rule is hidden unless that rule is chosen.
const choose = (rule) => {
  for (const part of document.querySelectorAll("[data-rule]")) part.hidden = part.dataset.rule !== rule;
};
for (const radio of document.querySelectorAll("fieldset.switch input")) {
  radio.addEventListener("change", () => choose(radio.value));
  if (radio.checked) choose(radio.value); // a browser may keep the choice over a reload
}
// A figure leaves the page as a file of its own; the colours fall back to those of the light theme.
for (const button of document.querySelectorAll("button[data-svg]")) {
  button.addEventListener("click", () => {
    const svg = button.closest("figure").querySelector("svg").cloneNode(true);
    const text = new XMLSerializer().serializeToString(svg);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
    link.download = button.dataset.svg;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  button.hidden = false;
}
