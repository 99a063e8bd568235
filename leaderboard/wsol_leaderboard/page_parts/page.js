"use strict";
// Each entry is a <tbody> (a row and its details), so that sorting moves both together.
const keyOf = (entry, column) => {
  const cell = entry.rows[0].cells[column];
  const given = cell.dataset.value;
  if (given === undefined) return cell.textContent.trim().toLowerCase();
  return given === "" ? null : Number(given);
};

const compare = (a, b, sign) => {
  if (a === null || b === null) return (a === null) - (b === null); // what is not known stays last
  return sign * (typeof a === "string" ? a.localeCompare(b) : a - b);
};

const sortBy = (table, column) => {
  const headers = [...table.tHead.rows[0].cells];
  const ascending = headers[column].getAttribute("aria-sort") !== "ascending";
  headers.forEach((header) => header.removeAttribute("aria-sort"));
  headers[column].setAttribute("aria-sort", ascending ? "ascending" : "descending");
  [...table.tBodies]
    .map((entry) => ({ entry, key: keyOf(entry, column) }))
    .sort((a, b) => compare(a.key, b.key, ascending ? 1 : -1))
    .forEach(({ entry }) => table.append(entry));
};

for (const table of document.querySelectorAll("table.ranking")) {
  [...table.tHead.rows[0].cells].forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    button.addEventListener("click", () => sortBy(table, column));
    header.append(button);
  });
}

const filters = document.getElementById("filters");
const selects = [...filters.querySelectorAll("select")];
const sections = [...document.querySelectorAll("main > section")].map((section) => ({
  section,
  values: JSON.parse(section.dataset.filters),
}));

const matches = ({ section, values }, { name, value }) => {
  const primary = section.dataset.primary === "true" || values.metric === "";
  return value === "" || (value === "*" ? primary : values[name] === value);
};

const apply = () => {
  for (const entry of sections) {
    entry.section.hidden = !selects.every((select) => matches(entry, select));
  }
  const shown = sections.filter(({ section }) => !section.hidden).length;
  document.getElementById("count").textContent = `${shown} of ${sections.length} rankings shown`;
};

filters.addEventListener("change", apply);
filters.hidden = false;
apply();
