// The page: what is drawn, turned or chosen goes through the model, and every view shows the result.

(async () => {
  "use strict";

  const find = (name) => document.getElementById(`explore-${name}`);
  const { place, percent, majority } = ExploreViews;

  // The data files are scripts, and each is loaded when it is asked for first.
  const FILES = {
    "mnist": () => Model_mnist,
    "fashion_mnist": () => Model_fashion_mnist,
    "mnist-maps": () => Maps_mnist,
    "fashion_mnist-maps": () => Maps_fashion_mnist,
  };
  const files = {};
  const home = document.currentScript.src.replace(/[^/]*$/, "");
  function load(file) {
    files[file] ??= new Promise((done, failed) => {
      const script = ExploreViews.element("script", { src: `${home}${file}.js` });
      script.addEventListener("load", done);
      script.addEventListener("error", () => failed(new Error(`${file}.js is missing`)));
      document.head.append(script);
    }).then(async () => {
      const data = FILES[file]();
      return { facts: data.facts, arrays: await ExploreModel.unpack(data) };
    });
    return files[file];
  }

  let model = null; // what is known of the data set that is chosen
  let seen = null; // what the model says of the drawing; null while there is none
  let shown = null; // the unit whose members are shown
  let waiting = null; // strokes that the model has not seen yet

  const row = (name, k) => ExploreModel.row(model.arrays[name], k);

  function describe(unit) {
    const { total, most, share } = majority(row("class_counts", unit));
    const { classes, map_size } = model.facts;
    const images =
      `${percent(share)} of its ${total.toLocaleString("en")} images are ${classes[most]}`;
    return `${place(unit, map_size[1])}: ${total ? images : "no images"}`;
  }

  function verdict() {
    if (!seen) return "The pad is empty.";
    const { classes, map_size, name } = model.facts;
    const { total, most, share } = majority(row("class_counts", seen.bmu));
    const distance = seen.distances[seen.bmu];
    const percentiles = model.arrays.distance_percentiles.values;
    const nearer = percentiles.filter((p) => p < distance).length;
    return (
      `Best-matching unit: ${place(seen.bmu, map_size[1])}; ` +
      (total
        ? `most of its images are ${classes[most]} (${percent(share)}). `
        : "it has no images. ") +
      `The distance to its prototype is ${distance.toFixed(2)}: ` +
      (nearer > 100
        ? `farther than any image of ${name} is from its own.`
        : `${Math.min(nearer, 99)} % of ${name}'s images are nearer to theirs.`)
    );
  }

  function showUnit(unit) {
    if (unit !== shown) {
      shown = unit;
      find("unit").textContent = describe(unit).replace(/^r/, "R");
      ExploreViews.paint(find("unit-image"), row("decoded", unit), 255);
      ExploreViews.showClasses(find("classes"), row("class_counts", unit), model.facts.classes);
      ExploreViews.showMembers(find("members"), model.members[unit]);
    }
    model.updateMap(shown, seen);
  }

  function show(result) {
    seen = result;
    ExploreViews.paint(find("input"), seen?.image);
    ExploreViews.paint(find("reconstruction"), seen?.reconstruction);
    ExploreViews.paint(find("prototype"), seen && row("decoded", seen.bmu), 255);
    model.updateCode(seen?.code, row("prototypes", seen?.bmu ?? 0));
    showUnit(seen?.bmu ?? shown ?? 0);
  }

  function say() {
    flush();
    find("status").textContent = verdict();
  }

  function flush() {
    if (!waiting) return;
    const strokes = waiting;
    waiting = null;
    const width = model.facts.stroke_width;
    const image = strokes.length && ExploreStrokes.toImage(strokes, width, width / 28);
    show(image ? ExploreModel.look(model.arrays, image) : null);
  }

  function press(button) {
    for (const other of find("samples").querySelectorAll("button")) {
      other.setAttribute("aria-pressed", String(other === button));
    }
  }

  function turn(code) {
    show(ExploreModel.look(model.arrays, seen.image, Float32Array.from(code)));
    find("status").textContent = verdict();
  }

  function choose(unit) {
    showUnit(unit);
    find("chosen").textContent = `Shown below: ${describe(unit)}.`;
  }

  const pad = ExplorePad.create(find("pad"), 2.5 / 28, {
    changed: (strokes) => {
      press(null);
      if (!waiting) requestAnimationFrame(flush);
      waiting = strokes;
    },
    ended: say,
    say: (sentence) => (find("pen").textContent = sentence),
  });
  find("clear").addEventListener("click", pad.clear);
  find("undo").addEventListener("click", pad.undo);

  function sample(n) {
    const bytes = row("sample_images", n);
    const label = model.facts.classes[model.arrays.sample_classes.values[n]];
    const button = ExploreViews.element(
      "button",
      { type: "button", "aria-pressed": "false", "aria-label": `Sample of ${label}` },
      ExploreViews.picture(bytes),
    );
    button.addEventListener("click", () => {
      pad.clear();
      press(button);
      const image = Float32Array.from(bytes, (value) => value / 255);
      show(ExploreModel.look(model.arrays, image));
      say();
    });
    return button;
  }

  // Show another data set: its map, its samples, and the first of them.
  async function open(dataset) {
    const { arrays, facts } = await load(dataset);
    const units = arrays.prototypes.shape[0];
    model = { arrays, facts, members: Array.from({ length: units }, () => []) };
    arrays.member_units.values.forEach((unit, n) => {
      const label = facts.classes[arrays.member_classes.values[n]];
      model.members[unit].push({ bytes: row("member_images", n), label });
    });
    seen = shown = waiting = null;
    // A copy has none of the listeners of the map before.
    const grid = find("map").cloneNode(false);
    find("map").replaceWith(grid);
    const images = Array.from({ length: units }, (_, k) => row("decoded", k));
    model.updateMap = ExploreViews.createMap(grid, facts.map_size, images, describe, choose);
    const limit = 1.2 * Math.max(...arrays.prototypes.values.map(Math.abs));
    const size = arrays.prototypes.shape[1];
    model.updateCode = ExploreViews.createCode(find("code"), size, limit, turn);
    const count = arrays.sample_images.shape[0];
    find("samples").replaceChildren(...Array.from({ length: count }, (_, n) => sample(n)));
    find("samples").firstElementChild.click();
  }

  // The maps of other runs, and of the same run at other times.
  const SAYS = {
    time: ({ value }) => `After ${value.toLocaleString("en")} of 10,000 iterations.`,
    gamma: ({ value, ...map }) => `γ = ${value}: ${quality(map)}`,
    t_min: ({ value, ...map }) => `Last temperature ${value}: ${quality(map)}`,
  };
  const three = (number) => number.toFixed(3).replace(/^0/, "");
  const quality = (map) =>
    `purity ${three(map.purity)}, topographic error ${three(map.topographic_error)}.`;

  async function showMaps({ type }) {
    const [dataset, setting] = find("vary").value.split(" ");
    const { arrays, facts } = await load(`${dataset}-maps`);
    const [maps, slider] = [facts[setting], find("moment")];
    slider.max = maps.length - 1;
    if (type !== "input") slider.value = maps.length - 1;
    const n = Number(slider.value);
    const [, units, pixels] = arrays[setting].shape;
    const images = arrays[setting].values.subarray(n * units * pixels, (n + 1) * units * pixels);
    ExploreViews.paintMap(find("maps"), images, Math.sqrt(units));
    const sentence = SAYS[setting](maps[n]);
    find("moment-says").textContent = sentence;
    slider.setAttribute("aria-valuetext", sentence);
    find("maps").setAttribute("aria-label", `The decoded map. ${sentence}`);
  }

  function failed(error) {
    document.getElementById("explore-status").textContent =
      `This page does not work in this browser: ${error.message}.`;
    throw error;
  }

  find("dataset").addEventListener("change", (event) => {
    open(event.target.value).catch(failed);
  });
  find("vary").addEventListener("change", (event) => showMaps(event).catch(failed));
  find("moment").addEventListener("input", (event) => showMaps(event).catch(failed));
  // The maps are far down the page: they are loaded when a reader comes near.
  new IntersectionObserver((entries, observer) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    showMaps({ type: "open" }).catch(failed);
  }).observe(find("recorded"));

  await open(find("dataset").value).catch(failed);
  for (const part of document.querySelectorAll(".explore")) part.hidden = false;
})();
