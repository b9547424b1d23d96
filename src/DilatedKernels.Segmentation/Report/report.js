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
