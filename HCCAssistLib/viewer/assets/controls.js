// The column beside the views: what the method says, findings, threshold, heat, windows and layout. Data become text only.

import { PLANES, number, placeText } from "./geometry.js";
import { heatColor } from "./volume.js";

const $ = (id) => document.getElementById(id);

function make(tag, content, className = "") {
  const element = document.createElement(tag);
  element.className = className;
  if (content !== undefined) element.append(...[content].flat());
  return element;
}

export function buildControls(about, viewer) {
  $("title").textContent = about.title;
  $("case").textContent = about.caseId;
  $("synthetic").hidden = !about.synthetic;
  $("syntheticModel").hidden = !about.syntheticModel;
  $("notice").textContent = about.notice;
  $("warnings").hidden = !about.warnings.length;
  $("warningCount").textContent = `${about.warnings.length} ${about.warnings.length === 1 ? "warning" : "warnings"}`;
  $("warningList").append(...about.warnings.map((text) => make("li", text)));
  fillTable($("summary"), about.summary);
  fillTable($("values"), about.values);
  $("valuesPart").hidden = !about.values.length;
  fillTable($("provenance"), about.provenance);
  $("listTitle").textContent = { detection: "Candidates", classification: "Findings", risk: "Seen by the networks" }[about.kind];
  $("axes").textContent = about.axesNote;

  const rows = about.findings.map((finding, n) => listRow(finding, n, viewer));
  $("findings").append(...rows);
  const showThreshold = buildThreshold(about, viewer);
  buildHeat(viewer);
  const showWindow = buildWindows(about, viewer);
  buildLayout(viewer);
  const link = $("linked");
  $("link").hidden = viewer.timePoints.length < 2;
  link.oninput = () => viewer.set("linked", link.checked);
  for (const tool of document.getElementsByName("tool")) tool.oninput = () => viewer.set("tool", tool.value);

  const sync = () => {
    rows.forEach((row, n) => {
      row.hidden = !viewer.shown[n];
      row.classList.toggle("chosen", viewer.chosen === n);
    });
    showThreshold();
    showWindow();
    showPlace(viewer);
    link.checked = viewer.linked;
    for (const name of ["heatShown", "boxesShown", "crosshairShown", "smooth"]) $(name).checked = viewer[name];
    for (const tool of document.getElementsByName("tool")) tool.checked = tool.value === viewer.tool;
  };
  for (const name of ["heatShown", "boxesShown", "crosshairShown", "smooth"]) {
    $(name).oninput = (event) => viewer.set(name, event.target.checked);
  }
  return sync;
}

function fillTable(table, entries) {
  table.append(...entries.filter(([, value]) => value).map(([name, value]) => make("tr", [make("th", name), make("td", value)])));
}

function listRow(finding, n, viewer) {
  const head = [make("b", String(finding.number)), " ", finding.name || finding.scoreText];
  if (finding.verdict !== "pending") head.push(make("span", finding.verdict, `verdict ${finding.verdict}`));
  const row = make("button", [make("div", head), ...finding.lines.map((line) => make("div", line, "detail"))]);
  row.type = "button";
  row.onclick = () => viewer.jump(n);
  return make("li", row);
}

// Scores crowd near 0 and 1: the slider is finer there. Its ends are 0 and 1 themselves.
const SLOPE = 24;

export function sliderOf(threshold) {
  return Math.min(1, Math.max(0, 0.5 + Math.log(threshold / (1 - threshold)) / SLOPE));
}

export function thresholdOf(slider) {
  return slider <= 0 ? 0 : slider >= 1 ? 1 : 1 / (1 + Math.exp((0.5 - slider) * SLOPE));
}

function buildThreshold(about, viewer) {
  const { threshold, kind } = about;
  $("thresholdPart").hidden = !threshold;
  if (!threshold) return () => {};
  const slider = $("threshold");
  const box = $("thresholdValue");
  const own = () => viewer.setThreshold(threshold.value);
  slider.oninput = () => viewer.setThreshold(thresholdOf(Number(slider.value)));
  box.onchange = () => viewer.setThreshold(box.value === "" ? viewer.threshold : Math.min(1, Math.max(0, Number(box.value))));
  $("thresholdOwn").onclick = own;
  $("thresholdOwn").textContent = `cut-off of the model: ${threshold.text}`;
  $("thresholdSource").textContent = threshold.source;
  return () => {
    const isOwn = viewer.threshold === threshold.value;
    slider.value = sliderOf(viewer.threshold);
    if (document.activeElement !== box) box.value = isOwn ? threshold.text : Number(viewer.threshold.toPrecision(6));
    $("thresholdOwn").disabled = isOwn;
    if (kind === "detection") {
      const shown = viewer.shown.filter(Boolean).length;
      const candidates = viewer.findings.length === 1 ? "candidate" : "candidates";
      $("count").textContent = `${shown} of ${viewer.findings.length} ${candidates} at or above the threshold`;
    } else {
      const group = threshold.of >= viewer.threshold ? "High" : "Low";
      $("count").textContent = `${group} risk${isOwn ? "" : " at this threshold, which is not the model's"}`;
    }
  };
}

function buildHeat(viewer) {
  const hasHeat = viewer.volumes.some((volume) => volume.heat);
  $("heatPart").hidden = !hasHeat;
  $("noHeat").hidden = hasHeat;
  const slider = $("heatOpacity");
  slider.value = viewer.heatOpacity;
  slider.oninput = () => viewer.set("heatOpacity", Number(slider.value));
  const stops = [0.3, 0.475, 0.65, 0.825, 1].map((share) => `rgb(${heatColor(share).join(" ")})`);
  $("heatLegend").style.background = `linear-gradient(to right, ${stops.join(", ")})`;
}

function buildWindows(about, viewer) {
  const presets = [["As opened", null], ...Object.entries(about.windows)];
  const hasUnit = viewer.volumes.some((volume) => volume.unit === "HU");
  const shown = hasUnit ? presets : presets.slice(0, 1);
  viewer.usePreset = (n) => {
    const [, preset] = shown[n] ?? [];
    if (preset === undefined) return;
    if (preset) viewer.setWindow(viewer.volumes.find((volume) => volume.unit === "HU"), preset.level, preset.width);
    else viewer.resetWindows();
  };
  $("presets").append(...shown.map(([name, preset], n) => {
    const button = make("button", `${n + 1} ${name}`);
    button.type = "button";
    button.title = preset ? `level ${preset.level}, width ${preset.width} HU` : "each volume as it was opened";
    button.onclick = () => viewer.usePreset(n);
    return button;
  }));
  const [level, width] = [$("level"), $("width")];
  const typed = () => {
    const [newLevel, newWidth] = [Number(level.value), Number(width.value)];
    if (level.value !== "" && newWidth > 0) viewer.setWindow(viewer.active.volume, newLevel, newWidth);
  };
  level.onchange = width.onchange = typed;
  return () => {
    const { window, unit } = viewer.active.volume;
    if (document.activeElement !== level) level.value = number(window.level);
    if (document.activeElement !== width) width.value = number(window.width);
    $("unit").textContent = unit || "units of the scanner, this volume alone";
  };
}

function buildLayout(viewer) {
  $("planes").append(...Object.keys(PLANES).map((name) => {
    const box = make("input");
    box.type = "checkbox";
    box.checked = viewer.planes.includes(name);
    box.oninput = () => {
      const chosen = Object.keys(PLANES).filter((one) => (one === name ? box.checked : viewer.planes.includes(one)));
      if (!chosen.length) box.checked = true;
      else viewer.planes = chosen;
      viewer.layOut();
    };
    return make("label", [box, ` ${name}`]);
  }));
  if (viewer.volumes.length < 2) return;
  $("columns").append(...viewer.volumes.map((volume) => {
    const box = make("input");
    box.type = "checkbox";
    box.checked = viewer.columns.includes(volume);
    box.oninput = () => {
      const chosen = viewer.volumes.filter((one) => (one === volume ? box.checked : viewer.columns.includes(one)));
      if (!chosen.length) box.checked = true;
      else viewer.columns = chosen;
      viewer.layOut();
    };
    return make("label", [box, ` ${volume.title}`]);
  }));
}

/** Where the crosshair is, and what each volume has there. */
function showPlace(viewer) {
  const lines = viewer.columns.map((volume) => {
    return make("div", viewer.columns.length > 1 ? `${volume.title}: ${viewer.placeText(volume)}` : viewer.placeText(volume));
  });
  $("place").replaceChildren(...lines);
  const others = viewer.timePoints.slice(1);
  $("offset").textContent = others
    .map((timePoint) => `${timePoint} lies ${placeText(viewer.offset(timePoint))} mm from ${viewer.timePoints[0]}`)
    .join("; ");
}
