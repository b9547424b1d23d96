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

// One state after the other, by hand or every second. It starts by itself for nobody.
const player = (name, show) => {
  const slider = document.getElementById(name);
  if (!slider) {
    return;
  }
  const play = document.getElementById(name + "-play");
  const value = document.getElementById(name + "-value");
  const texts = slider.dataset.texts.split("|");
  let timer = 0;
  const apply = () => {
    show(slider.value - 1);
    value.textContent = texts[slider.value - 1];
    slider.setAttribute("aria-valuetext", value.textContent);
  };
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  };
  const next = () => {
    slider.value = slider.value % texts.length + 1;
    apply();
    if (Number(slider.value) === texts.length) {
      stop();
    }
  };
  slider.addEventListener("input", () => { stop(); apply(); });
  play.addEventListener("click", () => {
    if (timer) {
      stop();
      return;
    }
    play.textContent = "Pause";
    timer = setInterval(next, 1000);
    next();
  });
  apply();
};
const layers = [...document.querySelectorAll(".layer")];
player("layer", shown => layers.forEach((layer, i) => layer.toggleAttribute("hidden", i !== shown)));
const frames = [...document.querySelectorAll(".frame")];
player("step", shown => frames.forEach(frame => frame.toggleAttribute("hidden", Number(frame.dataset.at) !== shown)));

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
