"use strict";
// The slider says how strongly the masks lie over their images.
const slider = document.getElementById("opacity");
if (slider) {
  const value = document.getElementById("opacity-value");
  const apply = () => {
    document.documentElement.style.setProperty("--mix", slider.value / 100);
    value.textContent = slider.value + " %";
  };
  slider.addEventListener("input", apply);
  // A browser may bring back where it stood.
  apply();
}

// The layers of the context module one after the other, by hand or every second. It starts by itself for nobody.
const layer = document.getElementById("layer");
if (layer) {
  const play = document.getElementById("play");
  const value = document.getElementById("layer-value");
  const drawn = [...document.querySelectorAll(".layer")];
  let timer = 0;
  const show = () => {
    drawn.forEach((group, i) => group.toggleAttribute("hidden", i !== layer.value - 1));
    value.textContent = drawn[layer.value - 1].dataset.text;
  };
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  };
  const next = () => {
    layer.value = layer.value % drawn.length + 1;
    show();
    if (Number(layer.value) === drawn.length) {
      stop();
    }
  };
  layer.addEventListener("input", () => { stop(); show(); });
  play.addEventListener("click", () => {
    if (timer) {
      stop();
      return;
    }
    play.textContent = "Pause";
    timer = setInterval(next, 1000);
    next();
  });
  show();
}

// A pointer over a chart reads the nearest step's numbers off its lines.
for (const chart of document.querySelectorAll(".chart svg")) {
  const readout = chart.parentElement.querySelector(".readout");
  const note = readout.textContent;
  const cursor = chart.querySelector(".cursor");
  const legend = [...chart.parentElement.querySelectorAll(".at")];
  const lines = [...chart.querySelectorAll(".line")].map(line => ({
    entry: legend[line.dataset.entry],
    at: line.getAttribute("points").split(" ").map(point => Number(point.split(",")[0])),
    values: line.dataset.values.split(" ").map(value => value.split(":")),
  }));
  const read = event => {
    const box = chart.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * chart.viewBox.baseVal.width;
    const nearest = line => line.at.reduce((best, at, i) => Math.abs(at - x) < Math.abs(line.at[best] - x) ? i : best, 0);
    const found = lines.map(line => ({ entry: line.entry, at: line.at[nearest(line)], value: line.values[nearest(line)] }));
    if (found.length === 0) {
      return;
    }
    const closest = found.reduce((best, one) => Math.abs(one.at - x) < Math.abs(best.at - x) ? one : best);
    cursor.setAttribute("x1", closest.at);
    cursor.setAttribute("x2", closest.at);
    readout.textContent = "step " + closest.value[0] + (legend.length ? "" : ": " + closest.value[1]);
    for (const one of found) {
      if (one.entry) {
        // A run that ended before has no value there.
        one.entry.textContent = Math.abs(one.at - closest.at) < 4 ? one.value[1] : "";
      }
    }
  };
  chart.addEventListener("pointermove", read);
  chart.addEventListener("pointerdown", read);
  chart.addEventListener("pointerleave", () => {
    readout.textContent = note;
    legend.forEach(entry => entry.textContent = "");
  });
}
