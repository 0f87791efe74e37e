// Where voxels are: indices (i, j, k), patient millimetres (left, posterior, superior), letters and sections of boxes.

export const PLANES = {
  // axis: across the slices; right, down: along the screen; up: whether the screen's rows run against the index
  axial: { axis: 2, right: 0, down: 1, up: false, next: -1 },
  coronal: { axis: 1, right: 0, down: 2, up: true, next: 1 },
  sagittal: { axis: 0, right: 1, down: 2, up: true, next: 1 },
};

const LETTERS = [["R", "L"], ["A", "P"], ["I", "S"]];
const LEANING = Math.sin((10 * Math.PI) / 180);
const WITHIN_SLICE = 0.499; // half a slice, less what rounding gives to a frame as thick as its slice

export function toWorld(affine, index) {
  return affine.map((row) => row[0] * index[0] + row[1] * index[1] + row[2] * index[2] + row[3]);
}

/** The affine that leads back from millimetres to indices. */
export function inverse(affine) {
  const [[a, b, c, x], [d, e, f, y], [g, h, i, z]] = affine;
  const det = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  const rows = [
    [e * i - f * h, c * h - b * i, b * f - c * e],
    [f * g - d * i, a * i - c * g, c * d - a * f],
    [d * h - e * g, b * g - a * h, a * e - b * d],
  ].map((row) => row.map((value) => value / det));
  return rows.map((row) => [...row, -(row[0] * x + row[1] * y + row[2] * z)]);
}

export function column(affine, axis) {
  return affine.map((row) => row[axis]);
}

/** The side of the patient that a direction leads to; a second and third letter where it leans to others, too. */
export function sideOf(direction) {
  const length = Math.hypot(...direction);
  return [0, 1, 2]
    .map((axis) => ({ axis, share: direction[axis] / length }))
    .filter((one) => Math.abs(one.share) > LEANING)
    .sort((one, other) => Math.abs(other.share) - Math.abs(one.share))
    .map((one) => LETTERS[one.axis][one.share > 0 ? 1 : 0])
    .join("");
}

/** A place, or a way from one to another, in words: R 12.3, P 40.0, S 955.2. */
export function placeText(mm) {
  return mm.map((value, axis) => `${LETTERS[axis][value < 0 ? 0 : 1]}\u00a0${Math.abs(value).toFixed(1)}`).join(", ");
}

export function number(value) {
  return Math.abs(value) >= 10 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

/** The slice that holds an index; half up by the numbers of the stored slices, which run with (1) or against (-1) it. */
export function nearestSlice(value, count, step) {
  const exact = Math.round(value * 1e6) / 1e6;
  const nearest = step > 0 ? Math.floor(exact + 0.5) : Math.ceil(exact - 0.5);
  return Math.min(count - 1, Math.max(0, nearest));
}

function cornersOf(mark) {
  const corners = [];
  for (let bits = 0; bits < 8; bits++) {
    const along = [0, 1, 2].map((edge) => (bits & (1 << edge) ? 0.5 : -0.5) * mark.size[edge]);
    corners.push([0, 1, 2].map((axis) => along.reduce((sum, mm, edge) => sum + mm * mark.axes[edge][axis], mark.center[axis])));
  }
  return corners;
}

/** The part of a box that lies in a slice, as the corners [right, down] of its outline in voxels; [] where there is none. */
export function sectionOf(mark, inverseAffine, plane, slice) {
  const corners = cornersOf(mark).map((corner) => toWorld(inverseAffine, corner));
  const { axis, right, down } = plane;
  const low = slice - WITHIN_SLICE;
  const high = slice + WITHIN_SLICE;
  const points = corners.filter((corner) => corner[axis] >= low && corner[axis] <= high);
  for (let from = 0; from < 8; from++) {
    for (const bit of [1, 2, 4]) {
      const a = corners[from];
      const b = corners[from | bit];
      if (from & bit) continue;
      for (const limit of [low, high]) {
        if (a[axis] < limit !== b[axis] < limit) {
          const share = (limit - a[axis]) / (b[axis] - a[axis]);
          points.push(a.map((value, n) => value + share * (b[n] - value)));
        }
      }
    }
  }
  return hull(points.map((point) => [point[right], point[down]]));
}

/** The convex outline of points in a plane, by Andrew's monotone chain. */
function hull(points) {
  const sorted = points.slice().sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const half = (ordered) => {
    const chain = [];
    for (const point of ordered) {
      while (chain.length > 1 && turn(chain[chain.length - 2], chain[chain.length - 1], point) <= 1e-9) chain.pop();
      chain.push(point);
    }
    return chain.slice(0, -1);
  };
  return [...half(sorted), ...half(sorted.reverse())];
}

function turn(a, b, c) {
  return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}
