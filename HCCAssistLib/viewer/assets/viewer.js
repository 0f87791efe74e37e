// What is shown: places, windows, threshold, heat, columns and planes; every change ends in one redrawing.

import { PLANES, nearestSlice, number, placeText, toWorld } from "./geometry.js";
import { Pane } from "./pane.js";
import { sizeOf } from "./volume.js";

export class Viewer {
  constructor(about, volumes, board) {
    Object.assign(this, { volumes, board, findings: about.findings, stamp: about.stamp });
    this.timePoints = [...new Set(volumes.map((volume) => volume.timePoint))];
    this.threshold = about.threshold?.value ?? 0;
    this.hasThreshold = about.kind === "detection"; // elsewhere every finding is shown
    Object.assign(this, { heatOpacity: 0.5, heatShown: true, boxesShown: true, crosshairShown: true, smooth: true });
    Object.assign(this, { linked: true, tool: "crosshair", chosen: -1, enlarged: null, onChange: () => {} });
    this.zooms = Object.fromEntries(Object.keys(PLANES).map((name) => [name, 1]));
    this.at = Object.fromEntries(this.timePoints.map((timePoint) => [timePoint, this.#begin(timePoint)]));
    const several = this.timePoints.length > 1;
    const first = (timePoint) => volumes.find((volume) => volume.timePoint === timePoint);
    this.columns = several ? this.timePoints.map(first) : volumes.slice(0, 3);
    this.planes = this.columns.length > 1 ? ["axial", "coronal"] : Object.keys(PLANES);
    for (const volume of volumes) this.#center(volume);
    this.setThreshold(this.threshold);
    new ResizeObserver(() => this.#resize()).observe(board);
    this.layOut();
  }

  get ratio() {
    return Math.min(2, globalThis.devicePixelRatio || 1);
  }

  /** Where to look first: at the first finding that is shown, or into the middle. */
  #begin(timePoint) {
    const found = this.findings.find((one) => one.timePoint === timePoint && this.#counts(one));
    if (found) return found.at.slice();
    const volume = this.volumes.find((one) => one.timePoint === timePoint);
    return toWorld(volume.affine, volume.shape.map((count) => Math.floor((count - 1) / 2)));
  }

  #center(volume) {
    volume.middle = {};
    for (const [name, plane] of Object.entries(PLANES)) {
      volume.middle[name] = sizeOf(volume.shape, plane).map((count) => (count - 1) / 2);
    }
  }

  #counts(finding) {
    return !this.hasThreshold || finding.score >= this.threshold;
  }

  // Layout

  /** Make the panes of the chosen columns and planes. */
  layOut() {
    this.enlarged = null;
    this.panes = this.planes.flatMap((plane) => this.columns.map((volume) => new Pane(this, volume, plane)));
    this.board.replaceChildren(...this.panes.map((pane) => pane.canvas));
    const alone = this.columns.length === 1 && this.planes.length === 3;
    this.board.className = alone ? "alone" : "rows";
    this.board.style.gridTemplateColumns = alone ? "" : `repeat(${this.columns.length}, 1fr)`;
    this.board.style.gridTemplateRows = alone ? "" : this.planes.map((_, n) => (n ? "2fr" : "3fr")).join(" ");
    this.active = this.panes[0];
    this.#resize();
  }

  enlarge(pane) {
    this.enlarged = this.enlarged ? null : pane;
    this.board.classList.toggle("one", Boolean(this.enlarged));
    for (const one of this.panes) one.canvas.hidden = Boolean(this.enlarged) && one !== this.enlarged;
    this.#resize();
  }

  get visiblePanes() {
    return this.enlarged ? [this.enlarged] : this.panes;
  }

  #resize() {
    for (const { canvas } of this.visiblePanes) {
      canvas.width = Math.round(canvas.clientWidth * this.ratio);
      canvas.height = Math.round(canvas.clientHeight * this.ratio);
    }
    this.redraw();
  }

  /** Screen pixels for a millimetre, the same in all panes of a plane so that sizes can be compared. */
  scaleOf(planeName) {
    const fits = this.visiblePanes.filter((pane) => pane.planeName === planeName).map((pane) => pane.fit);
    return this.zooms[planeName] * Math.min(...fits);
  }

  // Moving

  /** Move one time point by millimetres, and the others with it where they are linked. */
  moveBy(timePoint, way) {
    for (const one of this.linked ? this.timePoints : [timePoint]) {
      this.at[one] = this.at[one].map((value, n) => value + way[n]);
    }
    this.redraw();
  }

  /** From the first time point to another one, mm. */
  offset(timePoint) {
    const first = this.at[this.timePoints[0]];
    return this.at[timePoint].map((value, n) => value - first[n]);
  }

  /** Where the crosshair is in a volume, and what the volume has there. */
  placeText(volume) {
    const at = this.at[volume.timePoint];
    const value = volume.valueAt(toWorld(volume.inverse, at));
    const text = value === null ? "outside the scan" : Number.isNaN(value) ? "reading" : `${number(value)} ${volume.unit}`;
    return `${placeText(at)} mm: ${text}`;
  }

  /** Go to a finding, by its place in the list. */
  jump(number) {
    const finding = this.findings[number];
    this.chosen = number;
    const now = this.at[finding.timePoint];
    this.moveBy(finding.timePoint, finding.at.map((value, n) => value - now[n]));
    for (const pane of this.panes) {
      if (this.zooms[pane.planeName] > 1) this.centerOn(pane);
    }
  }

  /** The next or the previous finding of those that are shown. */
  jumpOn(step) {
    const there = this.findings.map((_, n) => n).filter((n) => this.shown[n]);
    if (!there.length) return;
    const at = there.indexOf(this.chosen);
    this.jump(there[at < 0 ? (step > 0 ? 0 : there.length - 1) : (at + step + there.length) % there.length]);
  }

  centerOn(pane) {
    const index = pane.index;
    pane.volume.middle[pane.planeName] = [index[pane.plane.right], index[pane.plane.down]];
  }

  /** Shift the picture by screen pixels, in all volumes alike. */
  pan(pane, x, y) {
    const scale = this.scaleOf(pane.planeName);
    const sign = pane.plane.up ? -1 : 1;
    for (const { middle, spacing } of this.volumes) {
      const now = middle[pane.planeName];
      now[0] -= x / scale / spacing[pane.plane.right];
      now[1] -= (sign * y) / scale / spacing[pane.plane.down];
    }
    this.redraw();
  }

  /** Enlarge the picture around a pixel. */
  zoom(pane, factor, [x, y]) {
    const before = this.zooms[pane.planeName];
    const after = Math.min(40, Math.max(0.5, before * factor));
    const share = 1 - after / before;
    this.zooms[pane.planeName] = after;
    this.pan(pane, (x - pane.canvas.width / 2) * share, (y - pane.canvas.height / 2) * share);
  }

  /** The whole volumes in the middle of their panes. */
  reset() {
    for (const name of Object.keys(PLANES)) this.zooms[name] = 1;
    for (const volume of this.volumes) this.#center(volume);
    this.redraw();
  }

  // Looks

  setThreshold(value) {
    this.threshold = value;
    this.shown = this.findings.map((one) => this.#counts(one));
    this.shownKey = this.shown.map(Number).join("");
    if (this.chosen >= 0 && !this.shown[this.chosen]) this.chosen = -1;
    this.redraw();
  }

  /** Hounsfield units have one window for all volumes; others have one each. */
  setWindow(volume, level, width) {
    const alike = volume.unit ? this.volumes.filter((one) => one.unit === volume.unit) : [volume];
    for (const one of alike) one.setWindow(level, Math.max(width, 1e-6));
    this.redraw();
  }

  resetWindows() {
    for (const volume of this.volumes) volume.setWindow(volume.ownWindow.level, volume.ownWindow.width);
    this.redraw();
  }

  dragWindow(volume, x, y) {
    const { level, width } = volume.window;
    const step = volume.ownWindow.width / 300;
    this.setWindow(volume, level + y * step, Math.max(step, width + x * step));
  }

  /** Change a look by its name. */
  set(name, value) {
    this[name] = value;
    this.redraw();
  }

  sliceToLoadFirst(volume) {
    return nearestSlice(toWorld(volume.inverse, this.at[volume.timePoint])[2], volume.shape[2], volume.first[2][1]);
  }

  redraw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      for (const pane of this.visiblePanes) pane.draw();
      this.onChange();
    });
  }
}
