// Tables of cases that are sorted, filtered and clicked, and a threshold that is moved. Nothing is computed here: what
// holds at each threshold stands in the page as texts. Without this script the page says everything of the model's own
// cut-off.
"use strict";
(() => {
  const make = (tag, text = "", className = "") => {
    const element = document.createElement(tag);
    element.textContent = text;
    element.className = className;
    return element;
  };
  const FILTERS = { "": "all", m: "missed", f: "false positive", "mfw": "any wrong" };
  const OPTIMISTIC =
    "Not the model's own. A threshold chosen by looking at these cases flatters: the figures hold for a threshold " +
    "that was fixed before, and no interval knows of the choice. Choose it on other cases, then test it on new ones.";

  for (const part of document.querySelectorAll(".explored")) explore(part);

  function explore(part) {
    const data = part.querySelector("script");
    const about = data ? JSON.parse(data.textContent) : { columns: [], scales: [] };
    const body = part.querySelector("tbody");
    const heads = [...part.querySelectorAll("thead th")];
    const rows = [...body.rows];
    const followed = about.columns.map((column) => [heads[column], ...rows.map((row) => row.cells[column])].map(twofold));
    for (const row of rows) row.cells[about.columns.at(-1)]?.classList.add("verdict");
    const state = { scale: 0, position: about.scales[0]?.own, filter: "" };
    const marks = rows.map(() => "");
    const show = about.scales.length ? buildThreshold(part, about, state, update) : () => {};
    const filters = about.scales.length ? buildFilters(part, state, update) : () => {};
    heads.forEach((head, column) => head.textContent.trim() && makeSortable(head, column, heads, body));
    for (const row of rows) {
      const link = row.querySelector("a.images");
      if (!link) continue;
      row.classList.add("opens");
      row.addEventListener("click", (event) => event.target.closest("a") || link.click());
    }
    update();

    function update() {
      const scale = about.scales[state.scale];
      if (!scale) return;
      const moved = state.scale !== 0 || state.position !== scale.own;
      part.classList.toggle("moved", moved);
      followed.forEach(([head, ...cells], column) => {
        head.live.textContent = scale.headings[column];
        cells.forEach((cell, n) => {
          const step = scale.rows[n].findLast((one) => one[0] <= state.position);
          cell.live.textContent = step ? step[2 + column] : cell.own.textContent;
        });
      });
      rows.forEach((row, n) => {
        marks[n] = scale.rows[n].findLast((one) => one[0] <= state.position)?.[1] ?? "";
        const shown = !state.filter || [...state.filter].some((mark) => marks[n].includes(mark));
        row.classList.toggle("filtered", !shown);
        row.classList.toggle("missed", marks[n].includes("m"));
        row.classList.toggle("false", !marks[n].includes("m") && /[fw]/.test(marks[n]));
      });
      show();
      filters(marks);
    }
  }

  // A cell with two texts: the model's own, which is printed, and that at the threshold.
  function twofold(cell) {
    const own = make("span", cell.textContent, "own");
    const live = make("span", "", "live-text");
    cell.replaceChildren(own, live);
    return { own, live };
  }

  function buildThreshold(part, about, state, update) {
    const panel = part.querySelector(".explorer");
    const [slider, output, select, back] = ["input", "output", "select", ".back"].map((one) => panel.querySelector(one));
    panel.hidden = false;
    select.hidden = about.scales.length < 2;
    about.scales.forEach((scale, n) => select.add(new Option(scale.title, n)));
    const byRule = (scale) => scale.own === scale.thresholds.length;
    let levels = [], dot = null;

    select.onchange = () => {
      state.scale = Number(select.value);
      state.position = about.scales[state.scale].own;
      begin();
      update();
    };
    slider.oninput = () => {
      state.position = Number(slider.value);
      update();
    };
    back.onclick = () => {
      state.position = about.scales[state.scale].own;
      update();
    };

    function begin() {
      const scale = about.scales[state.scale], last = scale.thresholds.length - 1;
      slider.max = last;
      panel.querySelector(".title").textContent = scale.title;
      back.textContent = byRule(scale) ? "Back to the model's own rule" : `Back to the model's cut-off ${scale.thresholds[scale.own]}`;
      const mark = panel.querySelector(".mark");
      mark.hidden = byRule(scale);
      mark.title = "the model's own cut-off";
      mark.style.setProperty("--at", last ? scale.own / last : 0);
      levels = scale.levels.map((level) => {
        const box = make("div", "", "level");
        box.append(make("h4", level.name));
        const cells = level.figures.map((name) => {
          const line = make("div", "", "figure");
          const [value, count, interval] = ["value", "count", "interval"].map((one) => make("span", "", one));
          line.append(make("span", name, "name"), value, interval, count);
          box.append(line);
          return [value, count, interval];
        });
        return { level, box, cells };
      });
      panel.querySelector(".levels").replaceChildren(...levels.map((one) => one.box));
      dot = drawCurve(panel.querySelector(".curve"), scale);
      panel.querySelector(".footnotes").textContent = [
        scale.offered,
        ...scale.levels.map((level) => `${level.name}, intervals: ${level.methods}.`),
      ].join(" ");
    }
    begin();

    return () => {
      const scale = about.scales[state.scale], own = state.position === scale.own;
      slider.value = Math.min(state.position, scale.thresholds.length - 1);
      const value = scale.thresholds[state.position] ?? "none";
      output.textContent = value;
      slider.setAttribute("aria-valuetext", value);
      slider.classList.toggle("unset", own && byRule(scale));
      back.disabled = own;
      const said = panel.querySelector(".said");
      said.classList.toggle("other", !own);
      said.textContent = own ? `The model's own ${byRule(scale) ? "rule" : "cut-off"}: ${scale.source}.` : OPTIMISTIC;
      for (const { level, cells } of levels) {
        cells.forEach((spans, n) => spans.forEach((span, k) => (span.textContent = level.at[state.position][n][k])));
      }
      dot(state.position);
    };
  }

  function drawCurve(place, scale) {
    const W = 210, H = 180, LEFT = 34, LOW = 34, TOP = 8, RIGHT = 8;
    const { points, x, y } = scale.curve;
    place.hidden = !points.length;
    if (!points.length) return () => {};
    const reach = Math.max(1, Math.min(10, Math.ceil(Math.max(...points.map((point) => point[0])))));
    const at = ([u, v]) => [LEFT + (Math.min(u, reach) / reach) * (W - LEFT - RIGHT), H - LOW - v * (H - LOW - TOP)];
    const svg = place.querySelector("svg");
    const draw = (tag, attributes, text) => {
      const element = document.createElementNS(svg.namespaceURI, tag);
      for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
      if (text !== undefined) element.textContent = text;
      return element;
    };
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${W} ${H}`);
    svg.setAttribute("aria-label", `${y} against ${x}`);
    const [left, bottom] = at([0, 0]), [right, top] = at([reach, 1]);
    svg.append(draw("path", { class: "axis", d: `M${left} ${top}V${bottom}H${right}` }));
    for (const share of [0, 0.5, 1]) {
      svg.append(draw("text", { x: left - 4, y: at([0, share])[1] + 3, "text-anchor": "end" }, String(share)));
      svg.append(draw("text", { x: at([share * reach, 0])[0], y: bottom + 12, "text-anchor": "middle" }, String(share * reach)));
    }
    svg.append(draw("text", { x: (left + right) / 2, y: H - 6, "text-anchor": "middle" }, x));
    svg.append(draw("text", { transform: `translate(10 ${(top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, y));
    const curve = points.slice(0, scale.thresholds.length).map(at);
    svg.append(draw("polyline", { class: "line", points: curve.map((point) => point.join()).join(" ") }));
    const [ox, oy] = at(points[scale.own]);
    const mark = draw("circle", { class: "its", cx: ox, cy: oy, r: 5 });
    mark.append(draw("title", {}, "the model's own"));
    const dot = draw("circle", { class: "dot", r: 3.5 });
    svg.append(mark, dot);
    return (position) => {
      const [cx, cy] = at(points[position]);
      dot.setAttribute("cx", cx);
      dot.setAttribute("cy", cy);
    };
  }

  function buildFilters(part, state, update) {
    const bar = part.querySelector(".filters");
    bar.hidden = false;
    const buttons = Object.entries(FILTERS).map(([marks, name]) => {
      const button = make("button");
      button.type = "button";
      button.onclick = () => {
        state.filter = marks;
        update();
      };
      bar.append(button);
      return { button, marks, name };
    });
    return (found) => {
      for (const { button, marks, name } of buttons) {
        const count = found.filter((one) => !marks || [...marks].some((mark) => one.includes(mark))).length;
        button.textContent = `${name} (${count})`;
        button.setAttribute("aria-pressed", String(state.filter === marks));
      }
    };
  }

  // Numbers by their value and before words, which go by their letters.
  function compared(a, b) {
    const [u, v] = [a, b].map((text) => Number(text.replace("\u2212", "-")));
    if (Number.isNaN(u) || Number.isNaN(v)) return Number.isNaN(u) - Number.isNaN(v) || a.localeCompare(b, "en", { numeric: true });
    return u - v;
  }

  function makeSortable(head, column, heads, body) {
    const button = make("span", "", "sort"); // browsers print no button in a heading that is repeated on each page
    button.setAttribute("role", "button");
    button.tabIndex = 0;
    button.onkeydown = (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      button.click();
    };
    button.append(...head.childNodes);
    head.append(button);
    // what is seen of a cell with two texts
    const text = (row) => {
      const cell = row.cells[column];
      const spans = cell.querySelectorAll(":scope > .own, :scope > .live-text");
      return (spans.length ? spans[body.closest(".moved") ? 1 : 0] : cell).textContent.trim();
    };
    button.onclick = () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const keyed = [...body.rows].map((row) => [text(row), row]);
      keyed.sort(([a], [b]) => (a === "") - (b === "") || (down ? -1 : 1) * compared(a, b));
      body.append(...keyed.map(([, row]) => row));
    };
  }
})();
