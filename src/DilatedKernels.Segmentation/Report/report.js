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
