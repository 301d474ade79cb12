// What the page draws: images, bars, the map, the members of a unit.

const ExploreViews = (() => {
  "use strict";

  const SIDE = 28;

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  // Paint an image as ink of that opacity: black here, and the stylesheet turns it for dark pages.
  // `values` are 784 numbers up to `white`; without them the canvas is empty.
  function paint(canvas, values, white = 1) {
    canvas.width = canvas.height = SIDE;
    if (!values) return;
    const pixels = new ImageData(SIDE, SIDE);
    values.forEach((value, p) => {
      pixels.data[4 * p + 3] = (255 * value) / white; // clamped by its type
    });
    canvas.getContext("2d").putImageData(pixels, 0, 0);
  }

  function picture(bytes, label) {
    const canvas = element("canvas", label ? { role: "img", "aria-label": label } : {});
    paint(canvas, bytes, 255);
    return canvas;
  }

  function percent(share) {
    return `${Math.round(100 * share)} %`;
  }

  function place(unit, columns) {
    return `row ${Math.floor(unit / columns) + 1}, column ${(unit % columns) + 1}`;
  }

  // Say of a row of class counts what most images are.
  function majority(counts) {
    const total = counts.reduce((sum, n) => sum + n, 0);
    const most = counts.indexOf(Math.max(...counts));
    return { total, most, share: total ? counts[most] / total : 0 };
  }

  // A row of a table: a name, numbers, and a bar with marks at shares of its width.
  function barRow(name, texts, ...marks) {
    const bar = element("span", { class: "explore-bar" });
    for (const { kind, from, to } of marks) {
      const mark = element("span", { class: `explore-${kind}` });
      mark.style.left = `${100 * from}%`;
      if (to !== undefined) mark.style.width = `${100 * (to - from)}%`;
      bar.append(mark);
    }
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, name),
      ...texts.map((text) => element("td", {}, text)),
      element("td", { "aria-hidden": "true" }, bar),
    );
  }

  // A table of a code: numbers, and a slider for each, with a tick at the number of the prototype.
  // `turned(code)` is called when one is dragged; `update(code, prototype)` shows another code.
  function createCode(body, size, limit, turned) {
    const rows = Array.from({ length: size }, (_, i) => {
      const slider = element("input", {
        type: "range", min: -limit, max: limit, step: limit / 200,
        "aria-label": `Dimension ${i + 1} of the code`,
      });
      const tick = element("span", { class: "explore-tick" });
      const cells = [element("td"), element("td")];
      slider.addEventListener("input", () => turned(rows.map((row) => Number(row.slider.value))));
      const bar = element("td", {}, element("span", { class: "explore-bar" }, slider, tick));
      return { slider, tick, cells, bar };
    });
    body.replaceChildren(
      ...rows.map(({ cells, bar }, i) =>
        element("tr", {}, element("th", { scope: "row" }, String(i + 1)), ...cells, bar),
      ),
    );
    return function update(code, prototype) {
      rows.forEach(({ slider, tick, cells }, i) => {
        slider.disabled = tick.hidden = !code;
        cells[0].textContent = code ? code[i].toFixed(2) : "–";
        cells[1].textContent = code ? prototype[i].toFixed(2) : "–";
        if (!code) return;
        slider.value = code[i];
        tick.style.setProperty("--at", 0.5 + prototype[i] / (2 * limit));
      });
    };
  }

  // How many of a unit's images each class has.
  function showClasses(body, counts, names) {
    const total = Math.max(1, majority(counts).total);
    const rows = Array.from(counts, (count, label) =>
      barRow(names[label], [count.toLocaleString("en")], {
        kind: "fill",
        from: 0,
        to: count / total,
      }),
    );
    body.replaceChildren(...rows);
  }

  function showMembers(list, images) {
    list.replaceChildren(
      ...images.map(({ bytes, label }) => element("li", {}, picture(bytes, `an image of ${label}`))),
    );
  }

  // Fill a grid with the map; arrow keys move in it, and `choose(unit)` is called for a chosen
  // unit. `describe(unit)` gives its name. The returned `update` colors it by the distances.
  function createMap(grid, [rows, columns], images, describe, choose) {
    const cells = images.map((bytes) =>
      element("div", { role: "gridcell", tabindex: "-1" }, picture(bytes)),
    );
    for (let r = 0; r < rows; r++) {
      grid.append(element("div", { role: "row" }, ...cells.slice(r * columns, (r + 1) * columns)));
    }
    grid.style.setProperty("--columns", columns);
    cells[0].tabIndex = 0;

    function focus(unit) {
      cells.forEach((cell, k) => (cell.tabIndex = k === unit ? 0 : -1));
      cells[unit].focus();
    }

    const moves = {
      ArrowLeft: (r, c) => [r, c - 1],
      ArrowRight: (r, c) => [r, c + 1],
      ArrowUp: (r, c) => [r - 1, c],
      ArrowDown: (r, c) => [r + 1, c],
      Home: (r) => [r, 0],
      End: (r) => [r, columns - 1],
    };
    grid.addEventListener("keydown", (event) => {
      const unit = cells.indexOf(event.target);
      if (unit < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "Enter" || event.key === " ") choose(unit);
      else if (event.key in moves) {
        const [r, c] = moves[event.key](Math.floor(unit / columns), unit % columns);
        if (r >= 0 && r < rows && c >= 0 && c < columns) focus(r * columns + c);
      } else return;
      event.preventDefault();
    });
    grid.addEventListener("click", (event) => {
      const unit = cells.indexOf(event.target.closest("[role=gridcell]"));
      if (unit < 0) return;
      focus(unit);
      choose(unit);
    });

    return function update(shown, seen) {
      const [near, far] = seen ? [Math.min(...seen.distances), Math.max(...seen.distances)] : [];
      cells.forEach((cell, k) => {
        const isBMU = k === seen?.bmu;
        cell.style.setProperty("--near", seen ? (far - seen.distances[k]) / (far - near) : 0);
        cell.toggleAttribute("aria-current", isBMU);
        if (isBMU) cell.setAttribute("aria-current", "true");
        cell.setAttribute("aria-selected", String(k === shown));
        cell.setAttribute(
          "aria-label",
          describe(k) +
            (seen ? `; distance ${seen.distances[k].toFixed(2)}` : "") +
            (isBMU ? "; best-matching unit" : ""),
        );
      });
    };
  }

  // Paint all images of a map as one.
  function paintMap(canvas, images, columns) {
    const units = images.length / SIDE ** 2;
    const context = canvas.getContext("2d");
    canvas.width = columns * SIDE;
    canvas.height = Math.ceil(units / columns) * SIDE;
    const pixels = context.createImageData(canvas.width, canvas.height);
    images.forEach((value, n) => {
      const [unit, pixel] = [Math.floor(n / SIDE ** 2), n % SIDE ** 2];
      const x = (unit % columns) * SIDE + (pixel % SIDE);
      const y = Math.floor(unit / columns) * SIDE + Math.floor(pixel / SIDE);
      pixels.data[4 * (y * canvas.width + x) + 3] = value;
    });
    context.putImageData(pixels, 0, 0);
  }

  return {
    element, paint, paintMap, picture, percent, place, majority,
    createCode, showClasses, showMembers, createMap,
  };
})();
