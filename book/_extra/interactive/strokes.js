// From strokes to an image like those of MNIST: 28×28 pixels, the digit in a box of 20×20, its
// center of mass in the middle, every stroke equally wide.
//
// A stroke is a list of points [x, y] in any unit. The size is set before anything is drawn, so
// large and small handwriting have strokes of the same width, as pens of one kind leave them.

const ExploreStrokes = (() => {
  "use strict";

  const SIDE = 28;
  const BOX = 20;

  // Ink of strokes of a width, in pixels: 1 inside, 0 outside, and a ramp of one pixel between.
  function ink(strokes, width) {
    const image = new Float32Array(SIDE * SIDE);
    for (const points of strokes) {
      points.forEach(([x1, y1], n) => {
        const [x0, y0] = points[Math.max(n - 1, 0)];
        const [dx, dy] = [x1 - x0, y1 - y0];
        const length2 = dx * dx + dy * dy;
        for (let p = 0; p < image.length; p++) {
          const [px, py] = [(p % SIDE) + 0.5 - x0, Math.floor(p / SIDE) + 0.5 - y0];
          const along = length2 && Math.min(1, Math.max(0, (px * dx + py * dy) / length2));
          const distance = Math.hypot(px - along * dx, py - along * dy);
          image[p] = Math.max(image[p], Math.min(1, width / 2 + 0.5 - distance));
        }
      });
    }
    return image;
  }

  function centerOfMass(image) {
    let [mass, x, y] = [0, 0, 0];
    image.forEach((value, p) => {
      mass += value;
      x += value * ((p % SIDE) + 0.5);
      y += value * (Math.floor(p / SIDE) + 0.5);
    });
    return [x / mass, y / mass];
  }

  function moved(strokes, scale, [fromX, fromY], [toX, toY]) {
    return strokes.map((points) =>
      points.map(([x, y]) => [(x - fromX) * scale + toX, (y - fromY) * scale + toY]),
    );
  }

  // Draw strokes as MNIST would have them. A drawing smaller than `smallest` is a dot: it is
  // not blown up.
  function toImage(strokes, width, smallest) {
    const points = strokes.flat();
    const [xs, ys] = [points.map((p) => p[0]), points.map((p) => p[1])];
    const [left, right] = [Math.min(...xs), Math.max(...xs)];
    const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
    const scale = (BOX - width) / Math.max(right - left, bottom - top, smallest);
    const boxed = moved(strokes, scale, [(left + right) / 2, (top + bottom) / 2], [14, 14]);
    // The middle of MNIST's images is the pixel 14, counted from 0, whose own middle is 14.5.
    return ink(moved(boxed, 1, centerOfMass(ink(boxed, width)), [14.5, 14.5]), width);
  }

  return { toImage };
})();
