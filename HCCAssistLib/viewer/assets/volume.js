// Voxels: unpacked slab by slab from the page, cut into slices, and put into grey values and colours.

import { inverse } from "./geometry.js";

const HEAT_SHOWN = 0.3; // weaker heat is transparent, as in the scene of 3D Slicer
const INFERNO = [
  [36, 13, 84], [66, 10, 105], [107, 23, 110], [148, 38, 102], [189, 56, 84], [222, 82, 59], [242, 117, 26],
  [252, 166, 10], [250, 217, 64],
];

/** What a script element of the page holds in base64, unpacked; the element goes, and its memory with it. */
async function unpacked(id) {
  const element = document.getElementById(id);
  const text = element.textContent;
  element.remove();
  let bytes;
  if (Uint8Array.fromBase64) {
    bytes = Uint8Array.fromBase64(text);
  } else {
    const plain = atob(text);
    bytes = new Uint8Array(plain.length);
    for (let n = 0; n < plain.length; n++) bytes[n] = plain.charCodeAt(n);
  }
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export class Volume {
  constructor(about, number) {
    Object.assign(this, about); // place, timePoint, name, unit, shape, affine, spacing, slope, intercept, first, ...
    this.number = number;
    this.inverse = inverse(about.affine);
    this.numbers = new Int16Array(about.shape[0] * about.shape[1] * about.shape[2]).fill(about.empty);
    this.unread = new Set(Array(this.slabCount).keys());
    this.window = { ...about.window };
    this.grey = new Uint32Array(65536);
    this.setWindow(about.window.level, about.window.width);
  }

  get slabCount() {
    return Math.ceil(this.shape[2] / this.slab);
  }

  get isRead() {
    return this.unread.size === 0;
  }

  /** Unpack the slabs, the one that holds a slice first. */
  async load(first, loaded) {
    const at = Math.floor(first / this.slab);
    const order = [...Array(this.slabCount).keys()].sort((a, b) => Math.abs(a - at) - Math.abs(b - at));
    for (const slab of order) {
      this.#unfold(slab, await unpacked(`v${this.number}s${slab}`));
      this.unread.delete(slab);
      loaded();
      await new Promise((done) => setTimeout(done)); // so that a click is answered between two slabs
    }
  }

  /** Undo ``voxels.folded``: high bytes, low bytes, zigzag, differences along the rows. */
  #unfold(slab, bytes) {
    const width = this.shape[0];
    const half = bytes.length / 2;
    const target = this.numbers.subarray(slab * this.slab * width * this.shape[1]);
    for (let n = 0, value = 0; n < half; n++) {
      const step = (bytes[n] << 8) | bytes[n + half];
      value = (n % width ? value : 0) + ((step >>> 1) ^ -(step & 1));
      target[n] = value;
    }
  }

  async loadHeat() {
    if (!this.heat) return;
    this.heat.strength = await unpacked(`v${this.number}heat`);
    this.heat.owner = this.heat.owned ? await unpacked(`v${this.number}owners`) : null;
  }

  setWindow(level, width) {
    this.window = { level, width };
    const low = level - width / 2;
    const factor = 255 / width;
    for (let n = 0; n < 65536; n++) {
      const share = (this.slope * (n - 32768) + this.intercept - low) * factor;
      const grey = share < 0 ? 0 : share > 255 ? 255 : Math.round(share);
      this.grey[n] = 0xff000000 | (grey << 16) | (grey << 8) | grey;
    }
    this.windows = (this.windows ?? 0) + 1; // tells pictures in another window apart
  }

  /** The value of the voxel at an index: null outside the volume, NaN where it is not read yet. */
  valueAt(index) {
    const [i, j, k] = index.map((value) => Math.floor(value + 0.5));
    const [width, height, depth] = this.shape;
    if (i < 0 || j < 0 || k < 0 || i >= width || j >= height || k >= depth) return null;
    if (this.unread.has(Math.floor(k / this.slab))) return NaN;
    return this.slope * this.numbers[(k * height + j) * width + i] + this.intercept;
  }

  /** A slice as a picture of one pixel per voxel, superior up. */
  picture(plane, slice, canvas) {
    const [width, height] = sizeOf(this.shape, plane);
    const { context, image, pixels } = imageOf(canvas, width, height);
    eachVoxel(this.shape, plane, slice, (pixel, voxel) => {
      pixels[pixel] = this.grey[this.numbers[voxel] + 32768];
    });
    context.putImageData(image, 0, 0);
  }

  /** The heat in a slice of the volume, of the findings that are shown; false where there is none. */
  heatPicture(plane, slice, shown, canvas) {
    const heat = this.heat;
    const inside = slice - heat.start[plane.axis];
    if (!heat.strength || inside < 0 || inside >= heat.shape[plane.axis]) return false;
    const [width, height] = sizeOf(heat.shape, plane);
    const { context, image, pixels } = imageOf(canvas, width, height);
    let any = false;
    eachVoxel(heat.shape, plane, inside, (pixel, voxel) => {
      const strength = heat.strength[voxel];
      if (strength >= HEAT_SHOWN * 255 && (!heat.owner || shown[heat.owner[voxel] - 1])) {
        pixels[pixel] = HEAT_COLORS[strength];
        any = true;
      }
    });
    context.putImageData(image, 0, 0);
    return any;
  }
}

export function sizeOf(shape, plane) {
  return [shape[plane.right], shape[plane.down]];
}

function imageOf(canvas, width, height) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  return { context, image, pixels: new Uint32Array(image.data.buffer) };
}

/** Visit the voxels of a slice in the order of its pixels. */
function eachVoxel(shape, plane, slice, visit) {
  const step = [1, shape[0], shape[0] * shape[1]];
  const [width, height] = sizeOf(shape, plane);
  for (let y = 0, pixel = 0; y < height; y++) {
    let voxel = slice * step[plane.axis] + (plane.up ? height - 1 - y : y) * step[plane.down];
    for (let x = 0; x < width; x++, pixel++, voxel += step[plane.right]) visit(pixel, voxel);
  }
}

export function heatColor(share) {
  const at = Math.min(INFERNO.length - 1.001, Math.max(0, share * (INFERNO.length - 1)));
  const low = INFERNO[Math.floor(at)];
  const high = INFERNO[Math.floor(at) + 1];
  return low.map((value, n) => Math.round(value + (at % 1) * (high[n] - value)));
}

const HEAT_COLORS = Uint32Array.from({ length: 256 }, (_, n) => {
  const [red, green, blue] = heatColor(n / 255);
  return 0xff000000 | (blue << 16) | (green << 8) | red;
});
