// DESOM learns digits while one watches: every picture and every number follows.

(async () => {
  "use strict";

  const Engine = DesomEngine;
  const SIDE = 8; // of an image
  const WIDTHS = [SIDE * SIDE, 64, 32, 2];
  const CLASSES = 10;
  const BATCH = 64;
  const ITERATIONS = 3000;
  const POINT = 10; // iterations from one point of the curves to the next
  const PATIENCE = 12; // ms that the iterations of one frame may take

  const find = (name) => document.getElementById(`watch-${name}`);
  const hue = (label, opacity) => `oklch(0.65 0.16 ${(360 / CLASSES) * label} / ${opacity})`;

  async function start() {
    const { images, labels } = await ExploreModel.unpack(WatchData);
    const x = Float64Array.from(images.values, (value) => value / 16);

    let model, batches; // what learns, and from what
    let losses; // of the iterations since the last point of the curves
    let curves; // by name: points [iteration, value]
    let codes, counts; // of all images: the codes, and how many of each class a unit has
    let low, high; // the corners of the plane: it shows all that was there, and never closes in
    let since; // time and iteration from which the speed counts

    // What the reader sets

    const sliders = ["gamma", "tMax", "tMin", "size"];
    const values = (name) => find(name).dataset.values.split(" ").map(Number);
    const value = (name) => values(name)[find(name).value];
    const topology = () => find("topology").value;

    function settings() {
      return { ...Object.fromEntries(sliders.map((s) => [s, value(s)])), iterations: ITERATIONS };
    }

    function showSettings() {
      for (const name of sliders) {
        const text = name === "size" ? `${value(name)} × ${value(name)}` : String(value(name));
        find(name).setAttribute("aria-valuetext", text);
        find(`${name}-value`).textContent = text;
      }
    }

    // What happens

    function restart() {
      const random = Engine.randomNumbers(Number(find("seed").value));
      const size = [value("size"), value("size")];
      model = Engine.createModel(x, WIDTHS, size, topology(), random);
      batches = Engine.shuffledBatches(labels.values.length, BATCH, random);
      [losses, curves, since] = [[], {}, { time: 0 }];
      [low, high] = [[Infinity, Infinity], [-Infinity, -Infinity]];
      addPoint();
    }

    function step() {
      if (model.iteration === ITERATIONS) restart();
      const batch = Engine.rows(x, WIDTHS[0], batches.next().value);
      losses.push(Engine.step(model, batch, settings()));
    }

    // Add a point to every curve: the means of the losses since the last one, and the indices.
    function addPoint() {
      codes = Engine.apply(model.encoder, x);
      codes.forEach((value, i) => {
        low[i % 2] = Math.min(low[i % 2], value);
        high[i % 2] = Math.max(high[i % 2], value);
      });
      const { bmus, ...point } = Engine.mapScores(model.map, codes);
      counts = Engine.classCounts(bmus, model.map.units, labels.values, CLASSES);
      Object.assign(point, { purity: Engine.purity(counts), nmi: Engine.nmi(counts) });
      for (const name of Object.keys(losses[0] ?? {})) {
        point[name] = losses.reduce((sum, loss) => sum + loss[name], 0) / losses.length;
      }
      for (const name in point) (curves[name] ??= []).push([model.iteration, point[name]]);
      losses = [];
      show();
    }

    // Train for one frame; gives whether there is more to do.
    function frame() {
      const now = performance.now();
      do step();
      while (model.iteration % POINT && performance.now() < now + PATIENCE);
      if (model.iteration % POINT === 0) addPoint();
      showSpeed(now);
      return model.iteration < ITERATIONS;
    }

    // Say every second how fast it goes; a longer time has a pause in it.
    function showSpeed(time) {
      const seconds = (time - since.time) / 1000;
      if (seconds < 1) return;
      const speed = Math.round((model.iteration - since.iteration) / seconds);
      if (seconds < 2) find("speed").textContent = `, ${speed} a second`;
      since = { time, iteration: model.iteration };
    }

    // What is seen

    function show() {
      const done = model.iteration.toLocaleString("en");
      find("iteration").textContent = `${done} of ${ITERATIONS.toLocaleString("en")}`;
      find("width").textContent = Math.max(high[0] - low[0], high[1] - low[1]).toPrecision(2);
      for (const { dataset, cells } of rows) {
        cells[1].textContent = curves[dataset.curve]?.at(-1)[1].toPrecision(3) ?? "–";
      }
      views.forEach((view) => view());
    }

    // The map as a picture: cells in a grid, each the decoded prototype on the hue of its majority.
    function drawMap(context, width, height, { color }) {
      const side = value("size");
      const hexagonal = topology() === "hexagonal";
      const cell = width / (side + (hexagonal ? 0.5 : 0));
      const images = Engine.apply(model.decoder, model.map.prototypes.values);
      const ink = document.createElement("canvas").getContext("2d");
      [ink.canvas.width, ink.canvas.height] = [SIDE, SIDE * model.map.units];
      ink.fillStyle = color;
      ink.fillRect(0, 0, ink.canvas.width, ink.canvas.height);
      const pixels = ink.getImageData(0, 0, ink.canvas.width, ink.canvas.height);
      images.forEach((value, p) => (pixels.data[4 * p + 3] = 255 * value)); // clamped by its type
      ink.putImageData(pixels, 0, 0);
      context.imageSmoothingEnabled = false;
      counts.forEach((row, unit) => {
        const [r, c] = [Math.floor(unit / side), unit % side];
        const [left, top] = [(c + (hexagonal ? (r % 2) / 2 : 0)) * cell, r * cell];
        const most = Math.max(...row);
        context.fillStyle = hue(row.indexOf(most), most && 0.35);
        context.fillRect(left, top, cell - 1, cell - 1);
        context.drawImage(ink.canvas, 0, SIDE * unit, SIDE, SIDE, left, top, cell - 1, cell - 1);
      });
    }

    function drawCodes(context, width, height, { color }) {
      const scale = (width - 8) / Math.max(high[0] - low[0], high[1] - low[1]);
      const place = (points, i) => [
        width / 2 + scale * (points[2 * i] - (low[0] + high[0]) / 2),
        height / 2 - scale * (points[2 * i + 1] - (low[1] + high[1]) / 2),
      ];
      labels.values.forEach((label, i) => {
        const [left, top] = place(codes, i);
        context.fillStyle = hue(label, 0.7);
        context.fillRect(left - 1.5, top - 1.5, 3, 3);
      });
      const { prototypes } = model.map;
      LiveStage.lattice(context, model.map, (k) => place(prototypes.values, k), color);
    }

    // A curve over all iterations, from 0 or, on a logarithmic scale, from its lowest point.
    function drawCurve({ curve, scale }) {
      return (context, width, height, { color }) => {
        const points = curves[curve] ?? [];
        const heights = points.map(([, value]) => (scale === "log" ? Math.log(value) : value));
        const bottom = scale === "log" ? Math.min(...heights) : 0;
        const top = Math.max(...heights);
        context.strokeStyle = color;
        context.beginPath();
        points.forEach(([iteration], i) => {
          const share = (heights[i] - bottom) / (top - bottom || 1);
          context.lineTo((iteration / ITERATIONS) * width, (1 - share) * (height - 2) + 1);
        });
        context.stroke();
      };
    }

    const { rows } = find("curves");
    const views = [
      LiveStage.surface(find("map"), drawMap),
      LiveStage.surface(find("codes"), drawCodes),
      ...Array.from(rows, (row) =>
        LiveStage.surface(row.querySelector("canvas"), drawCurve(row.dataset)),
      ),
    ];

    // What the reader does

    const play = LiveStage.player(find("run"), find("play"), frame);

    function begin(sentence) {
      find("says").textContent = sentence;
      showSettings();
      restart();
      play();
    }

    for (const name of sliders) find(name).addEventListener("input", showSettings);
    for (const name of ["size", "topology"]) {
      find(name).addEventListener("input", () => begin("A new map, from the beginning."));
    }
    find("restart").addEventListener("click", () => begin("From the beginning."));
    find("step").addEventListener("click", () => {
      play(false);
      step();
      addPoint();
    });
    for (const button of find("cases").querySelectorAll("button")) {
      button.addEventListener("click", () => {
        for (const name of sliders.filter((s) => s in button.dataset)) {
          find(name).value = values(name).indexOf(Number(button.dataset[name]));
        }
        begin(button.dataset.says);
      });
    }

    for (let label = 0; label < CLASSES; label++) {
      const name = ExploreViews.element("span", { class: "watch-class" }, String(label));
      name.style.background = hue(label, 0.35);
      find("classes").append(name);
    }
    find("run").hidden = false;
    find("cases").querySelector("button").click();
  }

  try {
    await start();
  } catch (error) {
    find("run").hidden = false;
    find("says").textContent = `This page does not work in this browser: ${error.message}.`;
    throw error;
  }
})();
