// Start: read what the page says, unpack the volumes, and show them as they come.

import { buildControls } from "./controls.js";
import { listenToKeys } from "./keys.js";
import { Viewer } from "./viewer.js";
import { Volume } from "./volume.js";

async function start() {
  if (typeof DecompressionStream === "undefined") return; // the page says which browsers do
  const about = JSON.parse(document.getElementById("about").textContent);
  const volumes = about.volumes.map((one, n) => new Volume(one, n));
  document.getElementById("wait").remove();
  document.getElementById("app").hidden = false;
  const viewer = new Viewer(about, volumes, document.getElementById("board"));
  viewer.onChange = buildControls(about, viewer);
  listenToKeys(viewer);
  globalThis.viewer = viewer; // for the console, and for tests
  const first = viewer.findings.findIndex((one, n) => viewer.shown[n]);
  if (first >= 0 && viewer.timePoints.length < 2) viewer.chosen = first;
  await Promise.all(volumes.map(async (volume) => {
    await volume.load(viewer.sliceToLoadFirst(volume), () => {
      viewer.firstPicture ??= performance.now();
      viewer.redraw();
    });
    await volume.loadHeat();
    viewer.redraw();
  }));
  viewer.complete = performance.now();
}

start().catch((error) => {
  const wait = document.getElementById("wait") ?? document.body.insertBefore(document.createElement("p"), document.body.firstChild);
  wait.id = "wait";
  wait.textContent = `The page is damaged or too large for this browser (${error.message}). Write it again.`;
});
