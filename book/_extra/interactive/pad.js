// The drawing pad: strokes by mouse, finger and pen, and by keys.
//
// Points are in units of the pad's side, from 0 to 1.

const ExplorePad = (() => {
  "use strict";

  const STEP = 1 / 20;
  const ARROWS = {
    ArrowLeft: [-1, 0],
    ArrowRight: [1, 0],
    ArrowUp: [0, -1],
    ArrowDown: [0, 1],
  };

  // Make a canvas a pad. `changed(strokes)` is called after every point, `ended()` after every
  // stroke, and `say(sentence)` when the pen of the keyboard goes up or down. Gives `clear` and
  // `undo`.
  function create(canvas, lineWidth, { changed, ended, say }) {
    const context = canvas.getContext("2d");
    const held = new Set();
    let strokes = [];
    let stroke = null; // the one that is being drawn
    let pen = null; // where the keyboard's pen is, once it is in use

    function paint() {
      const side = canvas.width;
      context.clearRect(0, 0, side, side);
      context.lineCap = context.lineJoin = "round";
      context.lineWidth = lineWidth * side;
      for (const points of strokes) {
        context.beginPath();
        context.moveTo(points[0][0] * side, points[0][1] * side);
        points.forEach(([x, y]) => context.lineTo(x * side, y * side));
        context.stroke();
      }
      if (!pen) return;
      context.lineWidth = 4;
      for (const [color, radius] of [["white", 14], ["black", 18]]) {
        context.strokeStyle = color;
        context.setLineDash(stroke ? [] : [6, 6]);
        context.beginPath();
        context.arc(pen[0] * side, pen[1] * side, radius, 0, 2 * Math.PI);
        context.stroke();
      }
      context.setLineDash([]);
    }

    function begin(point) {
      stroke = [point];
      strokes.push(stroke);
      extend([]);
    }

    function extend(points) {
      stroke.push(...points);
      paint();
      changed(strokes);
    }

    function end() {
      if (!stroke) return;
      stroke = null;
      paint();
      ended();
    }

    function replace(kept) {
      strokes = kept;
      stroke = null;
      paint();
      changed(strokes);
      ended();
    }

    function place(event) {
      const box = canvas.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    }

    canvas.addEventListener("pointerdown", (event) => {
      if (stroke || event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      pen = null;
      begin(place(event));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!stroke || pen || !canvas.hasPointerCapture(event.pointerId)) return;
      const all = event.getCoalescedEvents?.() ?? [];
      extend((all.length ? all : [event]).map(place));
    });
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, () => !pen && end());
    }

    function move() {
      const [dx, dy] = [...held].map((key) => ARROWS[key]).reduce(
        ([x, y], [u, v]) => [x + u, y + v],
        [0, 0],
      );
      pen = [pen[0] + dx * STEP, pen[1] + dy * STEP].map((v) => Math.min(1, Math.max(0, v)));
      if (stroke) extend([pen]);
      else paint();
    }

    const keys = {
      " ": () => {
        if (stroke) end();
        else begin(pen);
        say(stroke ? "Pen down." : "Pen up.");
      },
      Backspace: undo,
      Delete: clear,
    };

    canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const { key } = event;
      if (!(key in ARROWS) && !(key in keys)) return;
      event.preventDefault(); // neither scroll nor go back
      if (stroke && !pen) return; // the mouse is drawing
      pen ??= [0.5, 0.5];
      if (key in ARROWS) {
        held.add(key);
        move();
      } else if (!event.repeat) keys[key]();
    });
    canvas.addEventListener("keyup", (event) => held.delete(event.key));
    canvas.addEventListener("focus", () => {
      if (!canvas.matches(":focus-visible")) return;
      pen ??= [0.5, 0.5];
      paint();
    });
    canvas.addEventListener("blur", () => {
      held.clear();
      if (pen) end();
      pen = null;
      paint();
    });

    function undo() {
      replace(strokes.slice(0, -1));
    }

    function clear() {
      replace([]);
    }

    return { undo, clear };
  }

  return { create };
})();
