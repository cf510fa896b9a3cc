"use strict";
// Sort: a click on a head's button orders the table's groups of rows; cells without a number stay last.
const sort = (button) => {
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
};
// Save: a figure or a packed file leaves the page as a file of its own.
const save = (name, blob) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
};
const unpack = (packed) => {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
};
const saveFile = async (button) => {
  const file = "from" in button.dataset ? document.querySelector(`[data-file="${CSS.escape(button.dataset.from)}"]`) : button;
  save(file.dataset.file, new Blob([await unpack(file.dataset.content)], { type: file.dataset.kind }));
};
// The colours of a figure fall back to those of the light theme.
const saveFigure = (button) => {
  const svg = button.closest("figure").querySelector("svg").cloneNode(true);
  save(button.dataset.svg, new Blob([new XMLSerializer().serializeToString(svg)], { type: "image/svg+xml" }));
};
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if ("column" in button.dataset) sort(button);
  else if ("svg" in button.dataset) saveFigure(button);
  else if ("file" in button.dataset || "from" in button.dataset) saveFile(button);
});
// Parts of a large page: unpacked at once, since printing cannot wait, and drawn when they are to be seen.
const texts = new Map();
const reveal = (part) => {
  if (!texts.has(part)) return;
  part.innerHTML = texts.get(part);
  texts.delete(part);
};
const isSeen = (part) => !part.hidden && (!part.closest("details") || part.closest("details").open);
for (const part of document.querySelectorAll("[data-part]")) {
  unpack(part.dataset.part).then((text) => {
    texts.set(part, text);
    delete part.dataset.part;
    if (isSeen(part)) reveal(part);
  });
}
const revealSeen = () => Array.from(texts.keys()).filter(isSeen).forEach(reveal);
document.addEventListener("toggle", revealSeen, true);
// Print: what is folded on the screen is open on paper, and folded again after it.
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details:not([open])")) {
    folded.dataset.printed = "";
    folded.open = true;
  }
  revealSeen();
});
addEventListener("afterprint", () => {
  for (const printed of document.querySelectorAll("details[data-printed]")) {
    delete printed.dataset.printed;
    printed.open = false;
  }
});
// Switch: everything that belongs to one selection rule is hidden unless that rule is chosen.
const choose = (rule) => {
  for (const part of document.querySelectorAll("[data-rule]")) part.hidden = part.dataset.rule !== rule;
  revealSeen();
};
for (const radio of document.querySelectorAll("fieldset.switch input")) {
  radio.addEventListener("change", () => choose(radio.value));
  if (radio.checked) choose(radio.value); // a browser may keep the choice over a reload
}
