"use strict";
// Sorting and filtering of tables with the class "live". Only text nodes are ever made from data.
const zh = document.documentElement.lang.startsWith("zh");
for (const table of document.querySelectorAll("table.live")) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells], rows = [...body.rows];
  const key = (row, i) => {
    const cell = row.cells[i];
    if (!cell.hasAttribute("data-v")) return cell.textContent.trim();
    const v = cell.getAttribute("data-v");
    return v === "" ? null : Number(v);
  };
  heads.forEach((head, i) => {
    if (head.className === "from") return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.textContent = "";
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach(h => h.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const sign = down ? -1 : 1;
      [...rows].sort((a, b) => {
        const x = key(a, i), y = key(b, i);
        if (x === null || y === null) return (x === null) - (y === null);
        return sign * (typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), "en", {numeric: true}));
      }).forEach(row => body.append(row));
    });
  });
  const bar = document.createElement("div"), shown = document.createElement("span"), tests = [];
  bar.className = "filters";
  const apply = () => {
    let n = 0;
    for (const row of rows) {
      row.hidden = !tests.every(test => test(row));
      if (!row.hidden) n += 1;
    }
    shown.textContent = zh ? rows.length + " 行中的 " + n + " 行" : n + " of " + rows.length + " rows";
  };
  heads.forEach((head, i) => {
    if (!head.hasAttribute("data-filter")) return;
    const values = [...new Set(rows.map(row => row.cells[i].textContent.trim()))];
    if (values.length < 2) return;
    const label = document.createElement("label"), choice = document.createElement("select");
    choice.add(new Option(zh ? "全部" : "all", ""));
    values.forEach((v, at) => choice.add(new Option(v, String(at))));
    choice.addEventListener("change", apply);
    tests.push(row => choice.value === "" || row.cells[i].textContent.trim() === values[Number(choice.value)]);
    label.append(head.textContent + " ", choice);
    bar.append(label);
  });
  const find = document.createElement("input");
  find.type = "search";
  find.placeholder = zh ? "查找" : "find";
  find.setAttribute("aria-label", zh ? "在此表中查找" : "find in this table");
  find.addEventListener("input", apply);
  tests.push(row => row.textContent.toLowerCase().includes(find.value.trim().toLowerCase()));
  bar.append(find, shown);
  table.parentElement.before(bar);
  apply();
}
// What is folded on a screen is open on paper, and as it was again afterwards.
const folded = () => document.querySelectorAll("details.printed");
const was = new Map();
addEventListener("beforeprint", () => folded().forEach(d => { was.set(d, d.open); d.open = true; }));
addEventListener("afterprint", () => folded().forEach(d => { d.open = was.get(d) === true; }));
