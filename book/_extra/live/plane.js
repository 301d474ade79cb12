// A map alone, in the plane: points that the reader drops, a temperature that the reader drags.

(() => {
  "use strict";

  const Engine = DesomEngine;
  const SIZE = [8, 8];
  const RATE = 0.01;
  const STEPS = 3; // of a frame
  const COOLING = { tMax: 10, tMin: 0.1, iterations: 900 };
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

  const find = (name) => document.getElementById(`plane-${name}`);
  const [canvas, slider] = [find("canvas"), find("temperature")];
  const temperature = () => 10 ** slider.value;

  let points = []; // x and y of each in turn, from 0 to 1, y upward
  let map, step; // the map, and how many steps it has taken
  let cooled = null; // steps since the cooling began, while it lasts
  let pen = null; // where the keyboard's next point would be

  const shapes = {
    square: () => [Math.random(), Math.random()],
    ring: () => {
      const [angle, radius] = [2 * Math.PI * Math.random(), 0.4 + 0.08 * Math.random()];
      return [0.5 + radius * Math.cos(angle), 0.5 + radius * Math.sin(angle)];
    },
  };

  const drawn = (shape, count) => Array.from({ length: count }, shape).flat();

  function scatter() {
    map = Engine.createMap(SIZE, "rectangular", drawn(shapes.square, SIZE[0] * SIZE[1]));
    step = 0;
  }

  function train() {
    if (cooled !== null) slider.value = Math.log10(Engine.temperature(++cooled, COOLING));
    if (cooled === COOLING.iterations) cooled = null;
    Engine.somLoss(map, Float64Array.from(points), temperature());
    Engine.adam([map.prototypes], ++step, RATE);
  }

  function show() {
    const z = Float64Array.from(points);
    const { quantizationError, topographicError } = Engine.mapScores(map, z);
    const numbers = {
      t: temperature(),
      loss: Engine.somLoss(map, z, temperature()).loss,
      qe: quantizationError,
      te: topographicError,
    };
    for (const [name, number] of Object.entries(numbers)) {
      find(name).textContent = points.length ? number.toPrecision(3) : "–";
    }
    slider.setAttribute("aria-valuetext", temperature().toPrecision(2));
    redraw();
  }

  const redraw = LiveStage.surface(canvas, (context, width, height, style) => {
    const place = (values, i) => [values[2 * i] * width, (1 - values[2 * i + 1]) * height];
    context.fillStyle = style.getPropertyValue("--accent");
    for (let i = 0; i < points.length / 2; i++) {
      const [left, top] = place(points, i);
      context.fillRect(left - 2, top - 2, 4, 4);
    }
    LiveStage.lattice(context, map, (k) => place(map.prototypes.values, k), style.color);
    if (!pen) return;
    context.lineWidth = 2;
    context.beginPath();
    context.arc(...place(pen, 0), 8, 0, 2 * Math.PI);
    context.stroke();
  });

  const play = LiveStage.player(find("run"), find("play"), () => {
    if (points.length) for (let n = 0; n < STEPS; n++) train();
    show();
    return true;
  });

  // What the reader does

  function drop(point) {
    points.push(...point);
    show();
  }

  function dropAt({ offsetX, offsetY }) {
    drop([offsetX / canvas.clientWidth, 1 - offsetY / canvas.clientHeight]);
  }

  canvas.addEventListener("pointerdown", dropAt);
  canvas.addEventListener("pointermove", (event) => event.buttons && dropAt(event));
  canvas.addEventListener("keydown", (event) => {
    if (event.key in ARROWS) {
      pen ??= [0.5, 0.5];
      pen = pen.map((at, i) => Math.min(1, Math.max(0, at + 0.05 * ARROWS[event.key][i])));
      show();
    } else if (event.key === " ") drop((pen ??= [0.5, 0.5]));
    else return;
    event.preventDefault();
  });
  canvas.addEventListener("blur", () => {
    pen = null;
    redraw();
  });

  slider.addEventListener("input", () => {
    cooled = null;
    show();
  });
  find("cool").addEventListener("click", () => {
    cooled = 0;
    play(true);
  });
  find("scatter").addEventListener("click", () => {
    scatter();
    show();
  });
  find("clear").addEventListener("click", () => {
    points = [];
    show();
  });
  for (const name in shapes) {
    find(name).addEventListener("click", () => {
      points = drawn(shapes[name], 200);
      show();
    });
  }

  find("run").hidden = false;
  scatter();
  find("square").click();
  play();
})();
