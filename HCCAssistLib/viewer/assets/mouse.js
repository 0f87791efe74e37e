// The mouse in one view: slices, crosshair, pan, zoom and window.

export function listenToMouse(pane) {
  const { canvas, viewer } = pane;
  const pixel = (event) => {
    const edge = canvas.getBoundingClientRect();
    return [(event.clientX - edge.left) * viewer.ratio, (event.clientY - edge.top) * viewer.ratio];
  };
  let before = null;
  let tool = "";
  canvas.addEventListener("pointerdown", (event) => {
    viewer.active = pane;
    before = pixel(event);
    tool = event.button === 2 ? "window" : event.button === 1 || event.shiftKey ? "pan" : viewer.tool;
    canvas.setPointerCapture(event.pointerId);
    if (tool === "crosshair") pane.point(...before);
    if (event.button === 1) event.preventDefault(); // no scrolling by the middle button
  });
  canvas.addEventListener("pointermove", (event) => {
    if (before === null) return;
    const now = pixel(event);
    const [x, y] = [now[0] - before[0], now[1] - before[1]];
    before = now;
    if (tool === "crosshair") pane.point(...now);
    else if (tool === "pan") viewer.pan(pane, x, y);
    else if (tool === "zoom") viewer.zoom(pane, Math.exp(-y / 200), [canvas.width / 2, canvas.height / 2]);
    else viewer.dragWindow(pane.volume, x / viewer.ratio, y / viewer.ratio);
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (before = null));
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("focus", () => (viewer.active = pane));
  canvas.addEventListener("dblclick", () => viewer.enlarge(pane));
  let turned = 0;
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    viewer.active = pane;
    if (event.ctrlKey) {
      viewer.zoom(pane, Math.exp(-event.deltaY / 500), pixel(event));
      return;
    }
    turned += event.deltaMode === 0 ? event.deltaY : 100 * event.deltaY;
    if (Math.abs(turned) < 40) return; // a touchpad sends many small steps
    pane.moveSlices(Math.sign(turned));
    turned = 0;
  }, { passive: false });
}
