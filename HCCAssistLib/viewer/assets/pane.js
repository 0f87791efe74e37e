// One view of one volume in one plane: the slice, heat, boxes, crosshair, letters and scale.

import { PLANES, column, nearestSlice, number, sectionOf, sideOf, toWorld } from "./geometry.js";
import { listenToMouse } from "./mouse.js";
import { sizeOf } from "./volume.js";

const COLORS = {
  // as in the scene of 3D Slicer
  pending: "#fff240", accepted: "#00ff99", rejected: "#9e9e9e", other: "#b333e6", unsure: "#cc664d",
};
const LINE = 17; // from one line of text to the next, pixels
const NOTICE = "Research use only";
const SCALES_MM = [1, 2, 5, 10, 20, 50, 100];

export class Pane {
  constructor(viewer, volume, planeName) {
    this.viewer = viewer;
    this.volume = volume;
    this.planeName = planeName;
    this.plane = PLANES[planeName];
    this.canvas = document.createElement("canvas");
    this.canvas.tabIndex = 0;
    this.canvas.className = planeName;
    this.canvas.setAttribute("role", "img");
    this.slicePicture = document.createElement("canvas");
    this.heatPicture = document.createElement("canvas");
    listenToMouse(this);
  }

  get index() {
    return toWorld(this.volume.inverse, this.viewer.at[this.volume.timePoint]);
  }

  get slice() {
    const { axis } = this.plane;
    return nearestSlice(this.index[axis], this.volume.shape[axis], this.volume.first[axis][1]);
  }

  /** Screen pixels for a millimetre at which the whole volume fits. */
  get fit() {
    const { right, down } = this.plane;
    const { shape, spacing } = this.volume;
    const side = (axis) => shape[axis] * spacing[axis];
    return Math.min(this.canvas.width / side(right), this.canvas.height / side(down));
  }

  /** Screen pixels for a voxel to the right and down. */
  get pixels() {
    const scale = this.viewer.scaleOf(this.planeName);
    return [scale * this.volume.spacing[this.plane.right], scale * this.volume.spacing[this.plane.down]];
  }

  /** The index [right, down] in the middle of the pane. */
  get middle() {
    return this.volume.middle[this.planeName];
  }

  toScreen(right, down) {
    const [x, y] = this.pixels;
    const sign = this.plane.up ? -1 : 1;
    return [
      this.canvas.width / 2 + (right - this.middle[0]) * x,
      this.canvas.height / 2 + sign * (down - this.middle[1]) * y,
    ];
  }

  /** The index (i, j, k) at a pixel of the slice that is shown. */
  fromScreen(x, y) {
    const [across, along] = this.pixels;
    const index = [0, 0, 0];
    index[this.plane.axis] = this.slice;
    index[this.plane.right] = this.middle[0] + (x - this.canvas.width / 2) / across;
    index[this.plane.down] = this.middle[1] + ((this.plane.up ? -1 : 1) * (y - this.canvas.height / 2)) / along;
    return index;
  }

  moveSlices(count) {
    const axis = this.plane.axis;
    const target = Math.min(this.volume.shape[axis] - 1, Math.max(0, this.slice + count * this.plane.next));
    const steps = target - this.index[axis];
    const way = column(this.volume.affine, axis).map((mm) => mm * steps);
    this.viewer.moveBy(this.volume.timePoint, way);
  }

  draw() {
    const context = this.canvas.getContext("2d");
    context.fillStyle = "black";
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.canvas.width || !this.canvas.height) return;
    this.#drawSlice(context);
    this.#drawHeat(context);
    this.#drawMarks(context);
    this.#drawCrosshair(context);
    this.#drawTexts(context);
  }

  #drawSlice(context) {
    const { volume, slice } = this;
    const key = `${slice} ${volume.windows} ${volume.unread.size}`;
    if (this.sliceKey !== key) {
      this.sliceKey = key;
      volume.picture(this.plane, slice, this.slicePicture);
    }
    const [width, height] = sizeOf(volume.shape, this.plane);
    this.#lay(context, this.slicePicture, 0, this.plane.up ? height - 1 : 0, width, height);
  }

  #drawHeat(context) {
    const { volume, slice, viewer } = this;
    if (!volume.heat || !viewer.heatShown || viewer.heatOpacity === 0) return;
    const key = `${slice} ${viewer.shownKey} ${Boolean(volume.heat.strength)}`;
    if (this.heatKey !== key) {
      this.heatKey = key;
      this.hasHeat = volume.heatPicture(this.plane, slice, viewer.shown, this.heatPicture);
    }
    if (!this.hasHeat) return;
    const { right, down, up } = this.plane;
    const { start, shape } = volume.heat;
    context.globalAlpha = viewer.heatOpacity;
    const top = up ? start[down] + shape[down] - 1 : start[down];
    this.#lay(context, this.heatPicture, start[right], top, shape[right], shape[down]);
    context.globalAlpha = 1;
  }

  /** Draw a picture of voxels whose upper left one has an index. */
  #lay(context, picture, right, down, width, height) {
    const [across, along] = this.pixels;
    const [x, y] = this.toScreen(right, down);
    context.imageSmoothingEnabled = this.viewer.smooth;
    context.imageSmoothingQuality = "medium";
    context.drawImage(picture, x - across / 2, y - along / 2, width * across, height * along);
  }

  /** What is drawn of the findings: their corners on the screen. */
  outlines() {
    const { viewer, volume, plane, slice } = this;
    if (!viewer.boxesShown) return [];
    const found = [];
    viewer.findings.forEach((finding, n) => {
      if (!viewer.shown[n] || finding.timePoint !== volume.timePoint) return;
      for (const mark of finding.marks) {
        const corners = sectionOf(mark, volume.inverse, plane, slice).map(([right, down]) => this.toScreen(right, down));
        if (corners.length) found.push({ finding, mark, corners, isChosen: viewer.chosen === n });
      }
    });
    return found;
  }

  #drawMarks(context) {
    const ratio = this.viewer.ratio;
    const named = new Map(); // several patches of a finding carry one name, and names do not lie on each other
    for (const { finding, mark, corners, isChosen } of this.outlines()) {
      context.beginPath();
      corners.forEach(([x, y], n) => (n ? context.lineTo(x, y) : context.moveTo(x, y)));
      context.closePath();
      context.lineWidth = (isChosen ? 5 : 3.5) * ratio;
      context.strokeStyle = "#000a";
      context.stroke();
      context.lineWidth = (isChosen ? 2.5 : 1.5) * ratio;
      context.strokeStyle = isChosen ? "white" : COLORS[finding.verdict];
      context.stroke();
      if (named.has(finding)) continue;
      const left = this.#nameLeft(context, mark.text, corners.map((corner) => corner[0]));
      let bottom = Math.min(...corners.map((corner) => corner[1])) - 4 * ratio;
      const isTaken = ([x, y]) => Math.abs(x - left) < 70 * ratio && Math.abs(y - bottom) < LINE * ratio - 1;
      while ([...named.values()].some(isTaken)) bottom -= LINE * ratio;
      named.set(finding, [left, bottom]);
      this.#write(context, mark.text, left, bottom, { color: context.strokeStyle, baseline: "bottom" });
    }
  }

  /** Where a name begins: at the left of its box, but not outside of the pane while a part of the box is in it. */
  #nameLeft(context, text, across) {
    const [first, last] = [Math.min(...across), Math.max(...across)];
    const edge = 6 * this.viewer.ratio;
    const { width } = this.canvas;
    if (last < 0 || first > width) return first;
    return Math.max(edge, Math.min(first, width - edge - this.#widthOf(context, text)));
  }

  #drawCrosshair(context) {
    if (!this.viewer.crosshairShown) return;
    const index = this.index;
    const [x, y] = this.toScreen(index[this.plane.right], index[this.plane.down]);
    const { width, height } = this.canvas;
    const gap = 14 * this.viewer.ratio; // what is looked at stays free
    context.strokeStyle = "#5cf9";
    context.lineWidth = this.viewer.ratio;
    context.beginPath();
    for (const [from, to] of [[[0, y], [x - gap, y]], [[x + gap, y], [width, y]], [[x, 0], [x, y - gap]], [[x, y + gap], [x, height]]]) {
      context.moveTo(...from);
      context.lineTo(...to);
    }
    context.stroke();
  }

  /** Sides of the patient at the four edges: right of the screen, left, bottom, top. */
  sides() {
    const { affine } = this.volume;
    const right = column(affine, this.plane.right);
    const down = column(affine, this.plane.down).map((value) => (this.plane.up ? -value : value));
    const against = (direction) => direction.map((value) => -value);
    return [sideOf(right), sideOf(against(right)), sideOf(down), sideOf(against(down))];
  }

  /** The number of the slice as the volume is stored. */
  get sliceNumber() {
    const [first, step] = this.volume.first[this.plane.axis];
    return first + step * this.slice;
  }

  #drawTexts(context) {
    const { viewer, volume } = this;
    const { width, height } = this.canvas;
    const edge = 6 * viewer.ratio;
    const line = LINE * viewer.ratio;
    const [right, left, bottom, top] = this.sides();
    const about = [
      volume.title,
      `${this.planeName}, slice ${this.sliceNumber} of ${volume.shape[this.plane.axis]}`,
    ];
    if (this.planeName === viewer.planes[0]) about.push(viewer.placeText(volume));
    if (volume.tilt >= 1) about.push(`tilted ${volume.tilt.toFixed(0)}\u00b0 from the patient's axes`);
    if (!volume.isRead) about.push(`reading, ${Math.round(100 - (100 * volume.unread.size) / volume.slabCount)} %`);
    const { level, width: span } = volume.window;
    const windowText = `WL ${number(level)}  WW ${number(span)}`;
    // where a text would reach the letter in the middle, the row of the letter is kept free, and all texts are on the left
    const half = width / 2 - 2 * edge - Math.max(...[top, bottom].map((one) => this.#widthOf(context, one, true))) / 2;
    const isNarrow = this.#widthOf(context, viewer.stamp, true) > half
      || [about[0], windowText, NOTICE].some((text) => this.#widthOf(context, text) > half);
    const away = isNarrow ? edge + line : edge; // of the outermost texts, from above and below
    about.forEach((text, n) => this.#write(context, text, edge, away + n * line, { baseline: "top" }));
    const [x, y, align] = isNarrow ? [edge, away + about.length * line, "left"] : [width - edge, edge, "right"];
    if (viewer.stamp) this.#write(context, viewer.stamp, x, y, { align, baseline: "top", color: "#ffb347", bold: true });
    this.#write(context, right, width - edge, height / 2, { align: "right", bold: true });
    this.#write(context, left, edge, height / 2, { bold: true });
    this.#write(context, top, width / 2, edge, { align: "center", baseline: "top", bold: true });
    this.#write(context, bottom, width / 2, height - edge, { align: "center", baseline: "bottom", bold: true });
    this.#write(context, windowText, edge, height - away, { baseline: "bottom" });
    const low = isNarrow ? height - away - 2.6 * line : height - edge;
    this.#write(context, NOTICE, x, low, { align, baseline: "bottom", color: "#bbb" });
    this.#drawScale(context, edge, height - away - 1.4 * line);
    this.canvas.setAttribute("aria-label", `${about.join(", ")}; ${left} on the left, ${right} on the right, ${top} at the top`);
  }

  #drawScale(context, x, y) {
    const scale = this.viewer.scaleOf(this.planeName);
    const mm = SCALES_MM.findLast((one) => one * scale < this.canvas.width / 3) ?? SCALES_MM[0];
    const end = 4 * this.viewer.ratio;
    for (const [color, thick] of [["black", 4], ["white", 2]]) {
      context.strokeStyle = color;
      context.lineWidth = thick * this.viewer.ratio;
      context.beginPath();
      context.moveTo(x, y - end);
      context.lineTo(x, y);
      context.lineTo(x + mm * scale, y);
      context.lineTo(x + mm * scale, y - end);
      context.stroke();
    }
    this.#write(context, `${mm} mm`, x + 6 * this.viewer.ratio, y - 4 * this.viewer.ratio, { baseline: "bottom" });
  }

  #font(bold) {
    return `${bold ? "bold " : ""}${13 * this.viewer.ratio}px system-ui, sans-serif`;
  }

  #widthOf(context, text, bold = false) {
    context.font = this.#font(bold);
    return context.measureText(text).width;
  }

  #write(context, text, x, y, { align = "left", baseline = "middle", color = "white", bold = false } = {}) {
    context.font = this.#font(bold);
    context.textAlign = align;
    context.textBaseline = baseline;
    context.lineWidth = 3 * this.viewer.ratio;
    context.lineJoin = "round";
    context.strokeStyle = "black";
    context.strokeText(text, x, y);
    context.fillStyle = color;
    context.fillText(text, x, y);
    context.strokeStyle = color;
  }

  /** Lay the crosshair on a pixel of this slice. */
  point(x, y) {
    const target = toWorld(this.volume.affine, this.fromScreen(x, y));
    const now = this.viewer.at[this.volume.timePoint];
    this.viewer.moveBy(this.volume.timePoint, target.map((value, n) => value - now[n]));
  }
}
