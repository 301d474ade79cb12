// What both parts of the page share: a loop that can be paused, canvases, a map in the plane.

const LiveStage = (() => {
  "use strict";

  // Call `frame()` for every picture of the screen while the section is in sight, from one press of
  // the button to the next, or until it gives false. Gives `play(whether)`; `play()` is for a start
  // that nobody asked for: who wants less motion starts it by the button.
  function player(section, button, frame) {
    let [playing, seen, request] = [false, false, 0];

    function next() {
      cancelAnimationFrame(request);
      if (playing && seen) request = requestAnimationFrame(() => (frame() ? next() : play(false)));
    }

    function play(whether = !matchMedia("(prefers-reduced-motion: reduce)").matches) {
      playing = whether;
      button.textContent = playing ? "Pause" : "Play";
      next();
    }

    new IntersectionObserver(([entry]) => {
      seen = entry.isIntersecting;
      next();
    }).observe(section);
    button.addEventListener("click", () => play(!playing));
    return play;
  }

  // Have a canvas as sharp as the screen: `draw(context, width, height, style)` is called by the
  // function that comes back, and when size or theme change.
  function surface(canvas, draw) {
    function redraw() {
      const { clientWidth: width, clientHeight: height } = canvas;
      const scale = devicePixelRatio;
      canvas.width = width * scale;
      canvas.height = height * scale;
      const context = canvas.getContext("2d");
      context.scale(scale, scale);
      if (width) draw(context, width, height, getComputedStyle(canvas));
    }
    new ResizeObserver(redraw).observe(canvas);
    const themes = { attributeFilter: ["data-theme"] };
    new MutationObserver(redraw).observe(document.documentElement, themes);
    return redraw;
  }

  // Draw a map of prototypes in the plane: dots, and lines between units one step apart.
  // `place(i)` gives where the i-th of all prototypes is.
  function lattice(context, { units, distances }, place, color) {
    context.strokeStyle = context.fillStyle = color;
    context.beginPath();
    for (let k = 0; k < units; k++) {
      for (let l = 0; l < k; l++) {
        if (distances[k * units + l] !== 1) continue;
        context.moveTo(...place(k));
        context.lineTo(...place(l));
      }
    }
    context.stroke();
    context.beginPath();
    for (let k = 0; k < units; k++) {
      const [x, y] = place(k);
      context.moveTo(x, y);
      context.arc(x, y, 2.5, 0, 2 * Math.PI);
    }
    context.fill();
  }

  return { player, surface, lattice };
})();
