// The page: what is drawn or chosen goes through the model, and every view shows the result.

(async () => {
  "use strict";

  const find = (name) => document.getElementById(`explore-${name}`);
  const { place, percent, majority } = ExploreViews;
  const { facts } = ExploreData;
  const [, columns] = facts.map_size;

  async function start() {
    const arrays = await ExploreModel.unpack(ExploreData);
    const row = (name, k) => ExploreModel.row(arrays[name], k);
    const count = (name) => arrays[name].shape[0];
    const units = count("prototypes");
    const limit = 1.2 * Math.max(...arrays.prototypes.values.map(Math.abs));
    const members = Array.from({ length: units }, () => []);
    arrays.member_units.values.forEach((unit, n) => {
      const label = arrays.member_classes.values[n];
      members[unit].push({ bytes: row("member_images", n), label });
    });

    let seen = null; // what the model says of the drawing; null while there is none
    let shown = null; // the unit whose members are shown
    let waiting = null; // strokes that the model has not seen yet

    function describe(unit) {
      const { total, most, share } = majority(row("class_counts", unit));
      const images = `${percent(share)} of its ${total.toLocaleString("en")} images are ${most}`;
      return `${place(unit, columns)}: ${total ? images : "no images"}`;
    }

    function verdict() {
      if (!seen) return "The pad is empty.";
      const { total, most, share } = majority(row("class_counts", seen.bmu));
      const distance = seen.distances[seen.bmu];
      const percentiles = arrays.distance_percentiles.values;
      const nearer = percentiles.filter((p) => p < distance).length;
      return (
        `Best-matching unit: ${place(seen.bmu, columns)}; ` +
        (total ? `most of its images are ${most} (${percent(share)}). ` : "it has no images. ") +
        `The distance to its prototype is ${distance.toFixed(2)}: ` +
        (nearer > 100
          ? "farther than any image of MNIST is from its own."
          : `${Math.min(nearer, 99)} % of MNIST's images are nearer to theirs.`)
      );
    }

    function showUnit(unit) {
      if (unit !== shown) {
        shown = unit;
        find("unit").textContent = describe(unit).replace(/^r/, "R");
        ExploreViews.paint(find("unit-image"), row("decoded", unit), 255);
        ExploreViews.showClasses(find("classes"), row("class_counts", unit));
        ExploreViews.showMembers(find("members"), members[unit]);
      }
      updateMap(shown, seen);
    }

    function show(image) {
      seen = image && ExploreModel.look(arrays, image);
      ExploreViews.paint(find("input"), seen?.image);
      ExploreViews.paint(find("reconstruction"), seen?.reconstruction);
      ExploreViews.paint(find("prototype"), seen && row("decoded", seen.bmu), 255);
      ExploreViews.showCode(
        find("code"),
        seen?.code,
        row("prototypes", seen?.bmu ?? 0),
        limit,
      );
      showUnit(seen?.bmu ?? shown);
    }

    function say() {
      flush();
      find("status").textContent = verdict();
    }

    function flush() {
      if (!waiting) return;
      const strokes = waiting;
      waiting = null;
      const width = facts.stroke_width;
      show(strokes.length ? ExploreStrokes.toImage(strokes, width, width / 28) : null);
    }

    function press(button) {
      for (const other of find("samples").querySelectorAll("button")) {
        other.setAttribute("aria-pressed", String(other === button));
      }
    }

    const updateMap = ExploreViews.createMap(
      find("map"),
      facts.map_size,
      Array.from({ length: units }, (_, k) => row("decoded", k)),
      describe,
      (unit) => {
        showUnit(unit);
        find("chosen").textContent = `Shown below the map: ${describe(unit)}.`;
      },
    );

    const pad = ExplorePad.create(find("pad"), facts.stroke_width / 28, {
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

    const buttons = Array.from({ length: count("sample_images") }, (_, n) => {
      const bytes = row("sample_images", n);
      const label = arrays.sample_classes.values[n];
      const button = ExploreViews.element(
        "button",
        { type: "button", "aria-pressed": "false", "aria-label": `Sample of a ${label}` },
        ExploreViews.picture(bytes),
      );
      button.addEventListener("click", () => {
        pad.clear();
        press(button);
        show(Float32Array.from(bytes, (value) => value / 255));
        say();
      });
      return button;
    });
    find("samples").append(...buttons);
    buttons[0].click();
    for (const part of document.querySelectorAll(".explore")) part.hidden = false;
  }

  try {
    await start();
  } catch (error) {
    document.getElementById("explore-status").textContent =
      `This page does not work in this browser: ${error.message}.`;
    throw error;
  }
})();
