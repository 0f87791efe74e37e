// The keyboard: what works with a mouse works without one, too.

const TOGGLES = { h: "heatShown", b: "boxesShown", x: "crosshairShown", i: "smooth", l: "linked" };
const TOOLS = { c: "crosshair", g: "pan", z: "zoom", w: "window" };
const PAN = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export function listenToKeys(viewer) {
  document.addEventListener("keydown", (event) => {
    const inField = event.target.matches("input[type=number], input[type=range], select, summary");
    if (inField || event.ctrlKey || event.metaKey || event.altKey) return;
    if (act(viewer, event)) event.preventDefault();
  });
}

function act(viewer, event) {
  const { key } = event;
  const pane = viewer.active;
  const middle = [pane.canvas.width / 2, pane.canvas.height / 2];
  if (event.shiftKey && PAN[key]) viewer.pan(pane, 40 * PAN[key][0], 40 * PAN[key][1]);
  else if (key === "ArrowDown") pane.moveSlices(1);
  else if (key === "ArrowUp") pane.moveSlices(-1);
  else if (key === "PageDown") pane.moveSlices(5);
  else if (key === "PageUp") pane.moveSlices(-5);
  else if (key === "ArrowRight" || key === "n") viewer.jumpOn(1);
  else if (key === "ArrowLeft" || key === "p") viewer.jumpOn(-1);
  else if (key === "+" || key === "=") viewer.zoom(pane, 1.25, middle);
  else if (key === "-") viewer.zoom(pane, 0.8, middle);
  else if (key === "0") viewer.reset();
  else if (key >= "1" && key <= "9") viewer.usePreset(Number(key) - 1);
  else if (key === "m") viewer.enlarge(pane);
  else if (TOGGLES[key]) viewer.set(TOGGLES[key], !viewer[TOGGLES[key]]);
  else if (TOOLS[key]) viewer.set("tool", TOOLS[key]);
  else return false;
  return true;
}
